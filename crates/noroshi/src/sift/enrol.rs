//! `noroshi sift enrol` makes the sensor's key and exchanges keys with the platform; `noroshi sift fetch` brings what the
//! platform signed for this sensor, and keeps nothing whose signature does not hold.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use noroshi_sift::digest::Digest;
use noroshi_sift::mandate::Signed;
use noroshi_sift::signature::{PublicKey, SecretKey, Signature};
use serde_json::{Value, json};

use super::cli::{agent, io, post, usage, write};
use super::folder::{self, Enrolment};
use super::law::enrol::{ANSWER_FORM, FORM, answer as enrolled, statement};
use crate::cli::{Ended, Failed, Format, print};
use crate::office::id::fill_random;

/// Bytes of an answer that are read: a list of selectors, a prefix table.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// The form under which the platform signs the list of selectors.
pub(super) const SELECTORS_FORM: &str = "noroshi-selectors/1";

/// `noroshi sift enrol`.
#[derive(Debug, clap::Args)]
pub struct Enrol {
    /// The platform's address.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The file with the one-time token of the offer.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// The folder of the sensor; it receives `sensor.key`, `token` and `enrolment.json`.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// `noroshi sift fetch`.
#[derive(Debug, clap::Args)]
pub struct Fetch {
    /// The folder of an enrolled sensor; it receives `selectors.txt`, `mandates/` and `prefix-tables/`.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

fn odd(what: &str) -> Failed {
    Failed::Found { code: "NRS-SIFT-0087", message: format!("the platform's answer has no {what}") }
}

/// Runs the verb.
pub(super) fn run(asked: &Enrol, format: Format) -> Ended {
    if folder::enrolment(&asked.dir)?.is_some() {
        return Err(usage("NRS-SIFT-0090", "the folder is enrolled already; take another one"));
    }
    let token = std::fs::read_to_string(&asked.token_file).map_err(io(&asked.token_file))?;
    let (secret, pinned) = token
        .trim()
        .rsplit_once('.')
        .and_then(|(secret, key)| Some((secret, key.parse::<PublicKey>().ok()?)))
        .ok_or_else(|| usage("NRS-SIFT-0091", "the file does not hold a token of an offer"))?;
    super::cli::is_guarded(&asked.to)?;
    std::fs::create_dir_all(&asked.dir).map_err(io(&asked.dir))?;
    let key = own_key(&asked.dir)?;
    let house = |problem: serde_json::Error| Failed::House(Box::new(problem));
    let signature = key.sign(FORM, &statement(secret, &key.public()).map_err(house)?);
    let body = json!({ "token": secret, "key": key.public(), "signature": signature });
    let to = asked.to.trim_end_matches('/');
    let answer = post(&format!("{to}/api/v1/sift/enrol"), "", &body)?;
    let text = |name: &'static str| {
        answer.get(name).and_then(Value::as_str).map(ToOwned::to_owned).ok_or_else(|| odd(name))
    };
    let platform_key: PublicKey = text("platform_key")?.parse().map_err(|_| odd("platform_key"))?;
    let (sensor, org, given) = (text("sensor")?, text("org")?, text("token")?);
    let signature = answer.get("signature").cloned();
    let signature: Option<Signature> =
        signature.and_then(|signature| serde_json::from_value(signature).ok());
    // The key alone anybody could repeat; that it signed for this sensor's key nobody else can say.
    let words = enrolled(secret, &key.public(), (&org, &sensor), &given).map_err(house)?;
    let is_signed = signature
        .is_some_and(|signature| signature.key == pinned && signature.holds(ANSWER_FORM, &words));
    if platform_key != pinned || !is_signed {
        return Err(usage(
            "NRS-SIFT-0092",
            "who answered is not the platform that made the offer; nothing was kept but the sensor's own key",
        ));
    }
    let enrolment = Enrolment {
        platform: to.to_owned(),
        platform_key,
        sensor: sensor.parse().map_err(|_| odd("sensor"))?,
        org,
        key: key.public(),
    };
    folder::write_secret(&asked.dir.join("token"), &given)?;
    let written = serde_json::to_string_pretty(&enrolment).map_err(house)?;
    write(&asked.dir.join("enrolment.json"), written.as_bytes())?;
    match format {
        Format::Json => print(
            &json!({ "sensor": enrolment.sensor, "org": enrolment.org, "key": enrolment.key })
                .to_string(),
        ),
        Format::Human | Format::Plain => {
            print(&format!("enrolled as {} under the key {}", enrolment.sensor, enrolment.key))
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The key of the folder; drawn where there is none, so that a second try uses the same one.
fn own_key(dir: &Path) -> Result<SecretKey, Failed> {
    if let Some(key) = folder::key(dir)? {
        return Ok(key);
    }
    let mut seed = [0; 32];
    fill_random(&mut seed);
    folder::write_secret(&dir.join("sensor.key"), &Digest(seed).to_string())?;
    Ok(SecretKey::of_seed(seed))
}

/// Fetches what is signed.
pub(super) fn run_fetch(asked: &Fetch, format: Format) -> Ended {
    let dir = &asked.dir;
    let Some(enrolment) = folder::enrolment(dir)? else {
        return Err(usage(
            "NRS-SIFT-0085",
            "the folder is not enrolled with a platform; run `noroshi sift enrol` first",
        ));
    };
    super::cli::is_guarded(&enrolment.platform)?;
    let token = dir.join("token");
    let token = std::fs::read_to_string(&token).map_err(io(&token))?;
    let get = |path: &str| get(&format!("{}/api/v1{path}", enrolment.platform), token.trim());
    let (selectors, signature) = get("/sift/selectors")?;
    let unsigned = || Failed::Found {
        code: "NRS-SIFT-0080",
        message: "what was fetched is not signed by the platform".to_owned(),
    };
    let signature: Signature =
        signature.and_then(|value| serde_json::from_str(&value).ok()).ok_or_else(unsigned)?;
    let is_signed = signature.key == enrolment.platform_key
        && signature.holds(SELECTORS_FORM, selectors.as_bytes());
    if !is_signed {
        return Err(unsigned());
    }
    write(&dir.join("selectors.txt"), selectors.as_bytes())?;
    let (listed, _) = get("/sift/mandates")?;
    let listed: Vec<Value> = serde_json::from_str(&listed).map_err(|_| odd("mandates"))?;
    for sub in ["mandates", "prefix-tables"] {
        std::fs::create_dir_all(dir.join(sub)).map_err(io(dir))?;
    }
    let mut kept = Vec::new();
    for value in listed {
        let signed: Signed = value
            .get("signed")
            .and_then(|signed| serde_json::from_value(signed.clone()).ok())
            .ok_or_else(|| odd("mandate"))?;
        if (&signed.mandate.sensor, signed.mandate.sensor_key) != (&enrolment.sensor, enrolment.key)
        {
            continue;
        }
        signed.clone().verify(&enrolment.platform_key).map_err(|_| unsigned())?;
        let digest = signed.mandate.prefix_table.digest.to_string();
        let table = dir.join("prefix-tables").join(format!("{digest}.csv"));
        if !std::fs::exists(&table).map_err(io(&table))? {
            let (text, _) = get(&format!("/sift/prefix-tables/{digest}"))?;
            if Digest::of(text.as_bytes()).to_string() != digest {
                return Err(unsigned());
            }
            write(&table, text.as_bytes())?;
        }
        let name = signed.mandate.id.to_string();
        let text = serde_json::to_string_pretty(&signed)
            .map_err(|problem| Failed::House(Box::new(problem)))?;
        write(
            &dir.join("mandates").join(format!("{}.json", folder::escaped(&name))),
            text.as_bytes(),
        )?;
        kept.push(name);
    }
    match format {
        Format::Json => print(
            &json!({ "selectors": Digest::of(selectors.as_bytes()), "mandates": kept }).to_string(),
        ),
        Format::Human | Format::Plain => {
            print(&format!("selectors and {} mandates fetched", kept.len()))
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The text at an address, and the signature that came with it.
fn get(url: &str, token: &str) -> Result<(String, Option<String>), Failed> {
    let unreachable =
        |problem: ureq::Error| Failed::Io { what: url.to_owned(), source: problem.into_io() };
    let request = agent().get(url).header("authorization", format!("Bearer {token}"));
    let mut answer = request.call().map_err(unreachable)?;
    let status = answer.status().as_u16();
    let signature = answer.headers().get("x-noroshi-signature");
    let signature = signature.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let text = text.map_err(unreachable)?;
    if status == 200 {
        return Ok((text, signature));
    }
    let message = format!("the platform refused with status {status}");
    Err(Failed::Found { code: "NRS-SIFT-0025", message })
}
