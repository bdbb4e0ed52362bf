//! `noroshi sift enrol` makes the sensor's key and exchanges keys with the platform; `noroshi sift fetch` brings what the
//! platform signed for this sensor, and keeps nothing whose signature does not hold.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use noroshi_sift::digest::Digest;
use noroshi_sift::mandate::{Signed, SignedWithdrawal};
use noroshi_sift::signature::{PublicKey, SecretKey, Signature};
use serde_json::{Value, json};

use super::cli::{agent, io, post, usage, write};
use super::folder::{self, Enrolment, escaped};
use super::ground;
use super::law::enrol::{
    ANSWER_FORM, FORM, RENEW_BEFORE, RENEWAL_FORM, answer as enrolled, renewal, statement,
};
use crate::cli::{Ended, Failed, Format, print, tell};
use crate::office::clock::Clock;
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
    /// The folder of an enrolled sensor; it receives `selectors.txt`, `mandates/` (each with its own list of selectors) and
    /// `prefix-tables/`, and its token is renewed in time.
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
    let get = |path: &str, known: &Path| {
        get(&format!("{}/api/v1{path}", enrolment.platform), token.trim(), known)
    };
    let path = dir.join("selectors.txt");
    let fetched = get("/sift/selectors", &path)?;
    let selectors = fetched.signed(&enrolment.platform_key)?;
    fetched.keep(&path)?;
    let renewed = renew_in_time(dir, &enrolment, token.trim(), fetched.token_until)?;
    let listed = get("/sift/mandates", Path::new(""))?.text;
    let listed: Vec<Value> = serde_json::from_str(&listed).map_err(|_| odd("mandates"))?;
    for sub in ["mandates", "prefix-tables"] {
        std::fs::create_dir_all(dir.join(sub)).map_err(io(dir))?;
    }
    let (mut kept, mut withdrawn) = (Vec::new(), Vec::new());
    for value in listed {
        match fetch_mandate(dir, &enrolment, &get, &value)? {
            Some((name, true)) => kept.push(name),
            Some((name, false)) => withdrawn.push(name),
            None => {}
        }
    }
    match format {
        Format::Json => print(
            &json!({ "selectors": Digest::of(selectors.as_bytes()), "mandates": kept, "withdrawn": withdrawn,
                "token_until": renewed })
            .to_string(),
        ),
        Format::Human | Format::Plain => {
            print(&format!("selectors and {} mandates fetched", kept.len()));
            if !withdrawn.is_empty() {
                print(&format!("withdrawn: {}", withdrawn.join(", ")));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps a mandate with its table and its list, or that it was withdrawn; its name, and whether it holds. Nothing where it
/// is another sensor's.
fn fetch_mandate(
    dir: &Path,
    enrolment: &Enrolment,
    get: &dyn Fn(&str, &Path) -> Result<Fetched, Failed>,
    value: &Value,
) -> Result<Option<(String, bool)>, Failed> {
    let signed: Signed = value
        .get("signed")
        .and_then(|signed| serde_json::from_value(signed.clone()).ok())
        .ok_or_else(|| odd("mandate"))?;
    if (&signed.mandate.sensor, signed.mandate.sensor_key) != (&enrolment.sensor, enrolment.key) {
        return Ok(None);
    }
    signed.clone().verify(&enrolment.platform_key).map_err(|_| unsigned())?;
    let name = signed.mandate.id.to_string();
    let beside = |end: &str| dir.join("mandates").join(format!("{}.{end}", escaped(&name)));
    if let Some(said) = value.get("withdrawn").filter(|said| !said.is_null()) {
        let said: SignedWithdrawal =
            serde_json::from_value(said.clone()).map_err(|_| odd("withdrawal"))?;
        let digest = signed.mandate.digest().map_err(house)?;
        if !said.withdraws(&enrolment.platform_key, digest) {
            return Err(unsigned());
        }
        let text = serde_json::to_string_pretty(&said).map_err(house)?;
        write(&ground::withdrawal_path(dir, &signed.mandate.id), text.as_bytes())?;
        folder::remove(&beside("selectors.csv"))?;
        return Ok(Some((name, false)));
    }
    let digest = signed.mandate.prefix_table.digest.to_string();
    let table = dir.join("prefix-tables").join(format!("{digest}.csv"));
    if !std::fs::exists(&table).map_err(io(&table))? {
        let text = get(&format!("/sift/prefix-tables/{digest}"), Path::new(""))?.text;
        if Digest::of(text.as_bytes()).to_string() != digest {
            return Err(unsigned());
        }
        write(&table, text.as_bytes())?;
    }
    let path = beside("selectors.csv");
    let list = get(&format!("/sift/selectors?mandate={name}"), &path)?;
    list.signed(&enrolment.platform_key)?;
    list.keep(&path)?;
    let text = serde_json::to_string_pretty(&signed).map_err(house)?;
    write(&beside("json"), text.as_bytes())?;
    Ok(Some((name, true)))
}

fn house(problem: serde_json::Error) -> Failed {
    Failed::House(Box::new(problem))
}

fn unsigned() -> Failed {
    Failed::Found {
        code: "NRS-SIFT-0080",
        message: "what was fetched is not signed by the platform".to_owned(),
    }
}

/// Asks for the sensor's next token where the one it has ends soon; until when the token in the folder holds. That it could
/// not be renewed is said, and tried again with the next fetch: there are three months of them.
fn renew_in_time(
    dir: &Path,
    enrolment: &Enrolment,
    token: &str,
    until: Option<Timestamp>,
) -> Result<Option<Timestamp>, Failed> {
    let now = Clock.now();
    let Some(until) = until.filter(|until| until.duration_since(now) <= RENEW_BEFORE) else {
        return Ok(until);
    };
    // Of two that fetch at once the second would end the token that the first one got.
    let path = dir.join("token.lock");
    let lock = File::options().create(true).append(true).open(&path).map_err(io(&path))?;
    if lock.try_lock().is_err() {
        return Ok(Some(until));
    }
    let Some(key) = folder::key(dir)? else { return Ok(Some(until)) };
    let signature = key.sign(RENEWAL_FORM, &renewal(token, now).map_err(house)?);
    let body = json!({ "at": now, "signature": signature });
    let url = format!("{}/api/v1/sift/tokens", enrolment.platform);
    let text = |answer: &Value, name: &'static str| {
        answer.get(name).and_then(Value::as_str).map(ToOwned::to_owned).ok_or_else(|| odd(name))
    };
    let renewed = post(&url, token, &body).and_then(|answer| {
        folder::write_secret(&dir.join("token"), &text(&answer, "token")?)?;
        text(&answer, "expires_at")?.parse().map_err(|_| odd("expires_at"))
    });
    match renewed {
        Ok(until) => Ok(Some(until)),
        Err(failed) => {
            tell(&format!(
                "NRS-SIFT-0128: the token of the sensor ends at {until} and could not be renewed: {}",
                crate::web::refusal::chain(&failed)
            ));
            Ok(Some(until))
        }
    }
}

/// What was fetched.
struct Fetched {
    text: String,
    /// Whether the file that was known has the same text.
    is_known: bool,
    signature: Option<String>,
    /// Until when the token holds with which it was asked for.
    token_until: Option<Timestamp>,
}

impl Fetched {
    /// The text, where the platform signed it as a list of selectors.
    fn signed(&self, platform: &PublicKey) -> Result<&str, Failed> {
        let signature = self.signature.as_deref();
        let signature: Signature =
            signature.and_then(|value| serde_json::from_str(value).ok()).ok_or_else(unsigned)?;
        let holds =
            signature.key == *platform && signature.holds(SELECTORS_FORM, self.text.as_bytes());
        if holds { Ok(&self.text) } else { Err(unsigned()) }
    }

    /// Writes it where it is something else than what lies there: whoever reads the file loads it anew when it is written.
    fn keep(&self, path: &Path) -> Result<(), Failed> {
        if self.is_known { Ok(()) } else { write(path, self.text.as_bytes()) }
    }
}

/// The text at an address, and what came with it. Where the file `known` has that text it is not sent again.
fn get(url: &str, token: &str, known: &Path) -> Result<Fetched, Failed> {
    let unreachable =
        |problem: ureq::Error| Failed::Io { what: url.to_owned(), source: problem.into_io() };
    let known = std::fs::read_to_string(known).ok();
    let mut request = agent().get(url).header("authorization", format!("Bearer {token}"));
    if let Some(known) = &known {
        let tag = format!("\"{}\"", Digest::of(known.as_bytes()));
        request = request.header("if-none-match", tag);
    }
    let mut answer = request.call().map_err(unreachable)?;
    let status = answer.status().as_u16();
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(ToOwned::to_owned)
    };
    let signature = header("x-noroshi-signature");
    let token_until = header("x-noroshi-token-expires").and_then(|text| text.parse().ok());
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let text = text.map_err(unreachable)?;
    if status == 200 {
        let is_known = known.is_some_and(|known| known == text);
        return Ok(Fetched { text, is_known, signature, token_until });
    }
    if let (304, Some(text)) = (status, known) {
        return Ok(Fetched { text, is_known: true, signature, token_until });
    }
    let message = format!("the platform refused with status {status}");
    Err(Failed::Found { code: "NRS-SIFT-0025", message })
}
