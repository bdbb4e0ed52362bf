//! The receipt of a filed stage: number, time, digest, and the proof that the log has it, checkable offline.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::read::Filed;
use crate::house::House;
use crate::office::clock::stamp;
use crate::office::log::{InclusionProof, LogFailure};
use crate::web::refusal::{Answer, Failure, Refusal};

/// A receipt, whole: what is needed to check it without this office.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Document {
    /// The receipt's number.
    pub number: String,
    /// Which stage.
    pub stage: String,
    /// When it was filed, RFC 3339 UTC.
    pub at: String,
    /// SHA-256 of `snapshot`, in hexadecimal.
    pub digest: String,
    /// The RFC 8785 text of what was filed; what the digest is computed over.
    pub snapshot: String,
    /// Index of the leaf in the log.
    pub position: u64,
    /// The leaf as it stands in the log: RFC 8785 text that names the number and the digest.
    pub leaf: String,
    /// That the leaf is in the log.
    pub proof: Proof,
    /// The log's verifier key (signed-note format).
    pub vkey: String,
}

/// An inclusion proof (RFC 6962 §2.1.1) with the signed checkpoint it leads to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Proof {
    /// Index of the leaf.
    pub index: u64,
    /// Size of the tree.
    pub size: u64,
    /// Audit path in hexadecimal, nearest sibling first.
    pub hashes: Vec<String>,
    /// The signed checkpoint (C2SP tlog-checkpoint).
    pub checkpoint: String,
}

/// The receipt of a filed stage, waiting for a checkpoint that covers it.
pub async fn document(house: &Arc<House>, filed: &Filed) -> Answer<Document> {
    let proof = prove(house, filed.position).await?;
    let leaf =
        String::from_utf8(proof.leaf).map_err(|problem| Failure::Broken(Box::new(problem)))?;
    Ok(Document {
        number: filed.number.clone(),
        stage: filed.stage.id().to_owned(),
        at: stamp(filed.at),
        digest: filed.digest.clone(),
        snapshot: filed.snapshot.clone(),
        position: filed.position,
        leaf,
        proof: Proof {
            index: proof.index,
            size: proof.size,
            hashes: proof.hashes.iter().map(ToString::to_string).collect(),
            checkpoint: proof.checkpoint,
        },
        vkey: house.log.vkey().to_owned(),
    })
}

/// The proof in the form of C2SP tlog-proof, which independent tools read.
pub async fn tlog_proof(house: &Arc<House>, filed: &Filed) -> Answer<String> {
    Ok(tlog_text(&prove(house, filed.position).await?))
}

async fn prove(house: &Arc<House>, position: u64) -> Answer<InclusionProof> {
    house.log.prove(position).await.map_err(|problem| match problem {
        LogFailure::Unpublished(_) => {
            Refusal::new("NRS-INTK-0032", StatusCode::SERVICE_UNAVAILABLE).into()
        }
        other => Failure::Broken(Box::new(other)),
    })
}

/// C2SP tlog-proof v1: header, index, hashes in base64, an empty line, the checkpoint.
fn tlog_text(proof: &InclusionProof) -> String {
    let mut text = format!("c2sp.org/tlog-proof@v1\nindex {}\n", proof.index);
    for hash in &proof.hashes {
        let _written = writeln!(text, "{}", STANDARD.encode(hash.0));
    }
    text.push('\n');
    text.push_str(&proof.checkpoint);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_ledger::digest::Digest;

    #[test]
    fn the_proof_has_the_lines_of_the_specification() {
        let proof = InclusionProof {
            index: 2,
            size: 3,
            hashes: vec![Digest([0; 32])],
            checkpoint: "log.example\n3\nAAAA\n\n\u{2014} log.example sig\n".to_owned(),
            leaf: Vec::new(),
        };
        let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let expected = format!(
            "c2sp.org/tlog-proof@v1\nindex 2\n{zero}\n\nlog.example\n3\nAAAA\n\n\u{2014} log.example sig\n"
        );
        assert_eq!(tlog_text(&proof), expected);
    }
}
