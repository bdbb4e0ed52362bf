//! Vectors made by others, when the folder with them lies beside the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::digest::Digest;
use noroshi_ledger::note::{self, Signer, Vkey};
use noroshi_ledger::tile::{Content, Tile, tiles_to_write};
use noroshi_ledger::tree::{
    prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
};
use noroshi_ledger::verify::lie::Rule;
use noroshi_ledger::verify::{Refusal, Source, SourceError, walk::walk};
use serde_json::Value;

/// The folder of the vectors, or a printed line that they are not there.
fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/specs/tlog");
    if root.try_exists().unwrap() {
        return Some(root);
    }
    println!("corpora absent: skipped the transparency log vectors");
    None
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap()
}

fn digest(value: &Value) -> Digest {
    Digest::from_slice(&bytes(value)).unwrap()
}

/// A proof whose hashes are not 32 bytes long is not a value of our types at all.
fn digests(value: &Value) -> Option<Vec<Digest>> {
    value.as_array().map_or(Some(Vec::new()), |list| {
        list.iter().map(|hash| Digest::from_slice(&bytes(hash))).collect()
    })
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

struct Folder(PathBuf, String);

impl Source for Folder {
    fn read(&mut self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let name = if path == "checkpoint" { &self.1 } else { path };
        match fs::read(self.0.join(name)) {
            Ok(bytes) if bytes.len() > bytes_max => Err(SourceError::TooLarge(bytes_max)),
            found => Ok(found.ok()),
        }
    }
}

fn signed(folder: &Path, name: &str, key: &Vkey) -> Checkpoint {
    let note = fs::read(folder.join(name)).unwrap();
    note::verify(&note, std::slice::from_ref(key)).unwrap().text.parse().unwrap()
}

fn walk_all(folder: &Path, checkpoint: &Checkpoint) -> Result<u64, Refusal> {
    let mut seen = 0;
    let mut source = Folder(folder.to_owned(), String::new());
    walk(&mut source, checkpoint, &mut |index, _, _| {
        assert_eq!(index, seen);
        seen += 1;
        Ok(())
    })?;
    Ok(seen)
}

#[test]
fn merkle_inclusion_vectors() {
    let Some(root) = corpus() else { return };
    let mut count = 0;
    for path in files_below(&root.join("merkle-testdata/inclusion")) {
        let vector = json(&path);
        let number = |name: &str| vector[name].as_u64().unwrap();
        let holds = (|| {
            let leaf = Digest::from_slice(&bytes(&vector["leafHash"]))?;
            let root = Digest::from_slice(&bytes(&vector["root"]))?;
            let proof = digests(&vector["proof"])?;
            verify_inclusion(number("leafIdx"), number("treeSize"), &leaf, &proof, &root).ok()
        })()
        .is_some();
        assert_eq!(holds, !vector["wantErr"].as_bool().unwrap(), "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 98);
}

#[test]
fn merkle_consistency_vectors() {
    let Some(root) = corpus() else { return };
    let mut count = 0;
    for path in files_below(&root.join("merkle-testdata/consistency")) {
        let vector = json(&path);
        let number = |name: &str| vector[name].as_u64().unwrap();
        let holds = (|| {
            let before = Digest::from_slice(&bytes(&vector["root1"]))?;
            let after = Digest::from_slice(&bytes(&vector["root2"]))?;
            let proof = digests(&vector["proof"])?;
            verify_consistency(number("size1"), number("size2"), &proof, &before, &after).ok()
        })()
        .is_some();
        // One vector compares two texts of twelve bytes as roots. Our roots are digests, so that case cannot arise.
        let not_digests = path.ends_with("sizes-are-equal-one-and-proof-is-empty.json");
        let wanted = !vector["wantErr"].as_bool().unwrap() && !not_digests;
        assert_eq!(holds, wanted, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 98);
    println!("skipped 322 vectors of subtree proofs: this log has none");
}

#[test]
fn a_log_written_by_another_program() {
    let Some(root) = corpus() else { return };
    let folder = root.join("tessera-log");
    let key = fs::read_to_string(folder.join("vkey.txt")).unwrap();
    let key: Vkey = key.trim().parse().unwrap();
    for size in 0..=15u64 {
        let name = match size {
            // The folder keeps no copy of the checkpoints of sizes without a file of their own.
            _ if folder.join(format!("checkpoint.{size}")).is_file() => {
                format!("checkpoint.{size}")
            }
            15 => "checkpoint".to_owned(),
            _ => continue,
        };
        let checkpoint = signed(&folder, &name, &key);
        assert_eq!(checkpoint.size, size);
        assert_eq!(walk_all(&folder, &checkpoint), Ok(size), "{name}");
    }
}

#[test]
fn three_hundred_entries_and_their_fork() {
    let Some(root) = corpus() else { return };
    let facts = json(&root.join("own/log300.json"));
    let key: Vkey = facts["vkey"].as_str().unwrap().parse().unwrap();
    let folder = root.join("own/log300");
    for (size, wanted) in facts["sizes"].as_object().unwrap() {
        let checkpoint = signed(&folder, &format!("checkpoint.{size}"), &key);
        assert_eq!((checkpoint.size.to_string(), checkpoint.root), (size.clone(), digest(wanted)));
        assert_eq!(walk_all(&folder, &checkpoint), Ok(checkpoint.size));
    }
    let mut source = Folder(folder.clone(), String::new());
    let mut read = |level, index| {
        let tile = noroshi_ledger::tile::tile_of_node(300, level, index)?;
        let bytes = source.read(&tile.path(), 8_192).ok()??;
        noroshi_ledger::tile::node_from_tile(&bytes, level, index)
    };
    for vector in facts["consistency"].as_array().unwrap() {
        let (old, new) = (vector["old"].as_u64().unwrap(), vector["new"].as_u64().unwrap());
        let proof = digests(&vector["proof"]).unwrap();
        let root_of = |size: u64| digest(&facts["sizes"][size.to_string()]);
        assert_eq!(verify_consistency(old, new, &proof, &root_of(old), &root_of(new)), Ok(()));
        assert_eq!(prove_consistency(old, new, &mut read).unwrap(), proof, "{old} {new}");
    }
    for vector in facts["inclusion"].as_array().unwrap() {
        let (index, size) = (vector["index"].as_u64().unwrap(), vector["size"].as_u64().unwrap());
        let (leaf, proof) = (digest(&vector["leaf"]), digests(&vector["proof"]).unwrap());
        let root = digest(&facts["sizes"][size.to_string()]);
        assert_eq!(verify_inclusion(index, size, &leaf, &proof, &root), Ok(()));
        assert_eq!(prove_inclusion(index, size, &mut read).unwrap(), proof);
    }
    let forked = signed(&root.join("own/log300-fork"), "checkpoint.300", &key);
    assert_eq!(forked.root, digest(&facts["fork_root_300"]));
    assert_eq!(walk_all(&root.join("own/log300-fork"), &forked), Ok(300));
    let Err(Refusal::Lie(lie)) = walk_all(&folder, &forked) else { panic!("a fork was accepted") };
    assert_eq!(lie.rule, Rule::Root);
    let proof = digests(&facts["fork_consistency_260_300"]).unwrap();
    let then = digest(&facts["sizes"]["260"]);
    assert_eq!(verify_consistency(260, 300, &proof, &then, &forked.root), Ok(()));
    let honest = digest(&facts["sizes"]["300"]);
    assert!(verify_consistency(260, 300, &proof, &then, &honest).is_err());
}

#[test]
fn note_vectors() {
    let Some(root) = corpus() else { return };
    let vectors = json(&root.join("own/note-vectors.json"));
    let keys: Vec<Vkey> = vectors["vkeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap().parse().unwrap())
        .collect();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 15);
    for case in cases {
        let holds = note::verify(&bytes(&case["note_b64"]), &keys).is_ok();
        assert_eq!(holds, case["ok"].as_bool().unwrap(), "{}", case["desc"]);
    }
    // The test key signs the same bytes: Ed25519 is deterministic.
    let seeds = json(&root.join("own/TEST-KEYS.json"));
    let seed = &seeds["public_test_keys_never_use_in_production"]["log seed hex"];
    let seed: Digest = seed.as_str().unwrap().parse().unwrap();
    let signer = Signer::new(keys[0].name(), &seed.0).unwrap();
    assert_eq!(signer.vkey(), keys[0]);
    let note = bytes(&cases[0]["note_b64"]);
    let text = note::verify(&note, &keys).unwrap().text;
    assert_eq!(signer.sign(text).unwrap().as_bytes(), note);
}

#[test]
fn checkpoint_vectors() {
    let Some(root) = corpus() else { return };
    let cases = json(&root.join("own/checkpoint-bodies.json"));
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 15);
    for case in cases {
        let body = case["body"].as_str().unwrap();
        let parsed = body.parse::<Checkpoint>();
        assert_eq!(parsed.is_ok(), case["ok"].as_bool().unwrap(), "{}", case["desc"]);
        if let Ok(checkpoint) = parsed {
            assert_eq!(checkpoint.to_string(), body);
        }
    }
}

#[test]
fn tile_path_vectors() {
    let Some(root) = corpus() else { return };
    let vectors = json(&root.join("own/tile-paths.json"));
    for vector in vectors["paths"].as_array().unwrap() {
        let index = vector["index"].as_u64().unwrap();
        let tile = Tile { content: Content::Hashes { level: 0 }, index, width: 256 };
        assert_eq!(tile.path(), format!("tile/0/{}", vector["path"].as_str().unwrap()));
    }
    for vector in vectors["sizes"].as_array().unwrap() {
        let size = vector["size"].as_u64().unwrap();
        let tiles: Vec<_> = tiles_to_write(0, size).collect();
        let resources = vector["resources"].as_array().unwrap();
        let mut levels = 0;
        for (level, resource) in (0u8..).zip(resources) {
            let of_level: Vec<_> =
                tiles.iter().filter(|t| t.content == Content::Hashes { level }).collect();
            let full = of_level.iter().filter(|tile| tile.is_full()).count();
            assert_eq!(full as u64, resource["full"].as_u64().unwrap(), "size {size}");
            let partial: Vec<_> =
                of_level.iter().filter(|t| !t.is_full()).map(|t| t.path()).collect();
            let wanted: Vec<_> = resource["partial_path"].as_str().into_iter().collect();
            assert_eq!(partial, wanted, "size {size}");
            levels += of_level.len();
        }
        let hashes = tiles.iter().filter(|tile| tile.content != Content::Entries).count();
        assert_eq!(hashes, levels, "size {size}");
    }
}
