//! Bringing evidence in, for people: paste or choose a file, see what would happen, and do it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use noroshi_codec::stix;
use noroshi_evidence::id::StixId;

use super::act::{self, Bundle, Imported};
use super::desk::{class_choices, code_words, how, tlp_choices};
use super::mend;
use super::tongues::{self, Told, Tongue};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::web::forms::{Choice, FormState};
use crate::web::layout::{Link, Shell};
use crate::web::page::{self, html};
use crate::web::refusal::{Answer, Failure, Refusal, say};
use crate::web::visitor::{Uploaded, Visitor};

/// Entries put aside and contradictions named on the page; the desk has all.
const NAMED_MAX: usize = 50;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route("/evidence/import", get(ask).post(answer))
}

/// What became of what was sent, or would become.
struct Report {
    done: Imported,
    tongue: String,
    wrong: Vec<(String, String, String, String)>,
    quarantined: u64,
    conflicts: u64,
    beyond: u64,
}

#[derive(Template)]
#[template(path = "evidence/import.html")]
struct ImportPage {
    shell: Shell,
    crumbs: Vec<Link>,
    form: FormState,
    classes: Vec<Choice>,
    colours: Vec<Choice>,
    report: Option<Report>,
    dry: bool,
    refused: Option<(String, String, String)>,
    bytes_max: String,
}

async fn ask(State(house): State<Arc<House>>, visitor: Visitor) -> Answer {
    house.authoriser.check(&visitor.ctx, Action::EvidenceImport, On::default())?;
    let mut form = FormState::new();
    form.set("originator", visitor.ctx.org.to_string());
    html(&page_of(&house, &visitor, form, None, true))
}

fn page_of(
    house: &House,
    visitor: &Visitor,
    form: FormState,
    report: Option<Report>,
    dry: bool,
) -> ImportPage {
    let words = visitor.words();
    ImportPage {
        crumbs: vec![Link { href: "/evidence".to_owned(), label: words.t("evidence-title") }],
        form,
        classes: class_choices(words),
        colours: tlp_choices(),
        report,
        dry,
        refused: None,
        bytes_max: words.bytes(house.config.web.bundle_bytes_max as u64),
        shell: page::shell(house, visitor, "evidence-import-title"),
    }
}

async fn answer(State(house): State<Arc<House>>, sent: Uploaded) -> Answer {
    let Uploaded { visitor, values, file: (_, file) } = sent;
    house.authoriser.check(&visitor.ctx, Action::EvidenceImport, On::default())?;
    let dry = values.get("go") != "import";
    let mut form = FormState::new();
    for (name, value) in values.flat() {
        form.set(name, value);
    }
    let bytes = if file.is_empty() { values.get("text").to_owned().into() } else { file };
    let done = match how(&values) {
        Ok(how) => {
            let originator = how.originator.unwrap_or_else(|| visitor.ctx.org.to_string());
            let bundle = Bundle { bytes, tlp: how.tlp, class: how.class, originator };
            bring(&house, &visitor, bundle, dry).await
        }
        Err(refused) => Err(refused),
    };
    match done {
        Ok(report) => html(&page_of(&house, &visitor, form, Some(report), dry)),
        Err(Failure::Refused(refusal)) => {
            let words = visitor.words();
            let mut page = page_of(&house, &visitor, form, None, dry);
            let said = |key: &str| say(words, key, &refusal.args);
            page.refused = Some((
                refusal.code.to_owned(),
                said(refusal.code),
                said(&format!("{}-next", refusal.code)),
            ));
            let mut answer = html(&page)?;
            *answer.status_mut() = refusal.status;
            Ok(answer)
        }
        Err(broken) => Err(broken),
    }
}

fn unusable(code: &'static str) -> Failure {
    Refusal::new(code, StatusCode::UNPROCESSABLE_ENTITY).into()
}

/// Brings it in, or says what would happen.
async fn bring(house: &Arc<House>, visitor: &Visitor, bundle: Bundle, dry: bool) -> Answer<Report> {
    if bundle.bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(unusable("NRS-EVID-0512"));
    }
    let (bytes, origin, at) = (bundle.bytes.clone(), bundle.originator.clone(), visitor.ctx.now);
    // Reading a long text takes as long as it takes: not on a thread that answers others.
    let read = move || {
        let tongue = tongues::recognise(&bytes);
        (tongue, tongues::speak(tongue, &bytes, &Told::default(), &origin, at))
    };
    let (tongue, spoken) = tokio::task::spawn_blocking(read)
        .await
        .map_err(|problem| Failure::Broken(Box::new(problem)))?;
    let done = match (spoken, tongue, dry) {
        (None, Tongue::Stix, true) => mend::trial(house, &visitor.ctx, bundle).await?,
        (None, Tongue::Stix, false) => act::import(house, &visitor.ctx, bundle).await?,
        (None, ..) => return Err(unusable("NRS-EVID-0513")),
        (Some(spoken), _, false) => {
            let versioned = matches!(tongue, Tongue::Veris | Tongue::Misp);
            tongues::bring_in(house, &visitor.ctx, spoken, bundle, versioned).await?
        }
        (Some(mut spoken), _, true) => {
            let mut same = 0;
            if !matches!(tongue, Tongue::Veris | Tongue::Misp) {
                (spoken.objects, same) = tongues::settle(house, spoken.objects).await?;
            }
            let aside = spoken.aside.iter().map(|put| act::Quarantined {
                index: put.entry,
                id: put.id.clone(),
                code: put.problem.0,
                reason: put.problem.1.clone(),
            });
            let aside: Vec<act::Quarantined> = aside.collect();
            let broken = |problem: String| Failure::Broken(problem.into());
            let id = StixId::new("bundle", uuid::Uuid::nil())
                .map_err(|problem| broken(problem.to_string()))?;
            let text = stix::encode_bundle(&id, &spoken.objects)
                .map_err(|problem| broken(problem.to_string()))?;
            let bundle = Bundle { bytes: text.into(), ..bundle };
            let mut would = mend::trial(house, &visitor.ctx, bundle).await?;
            would.quarantined.extend(aside);
            would.unchanged += same;
            would.complete &= spoken.complete;
            would
        }
    };
    Ok(report_of(visitor, done, tongue))
}

fn report_of(visitor: &Visitor, mut done: Imported, tongue: Tongue) -> Report {
    let words = visitor.words();
    let (conflicts, quarantined) = (done.conflicts.len(), done.quarantined.len());
    let contradictions = std::mem::take(&mut done.conflicts)
        .into_iter()
        .map(|one| (one.code.to_owned(), code_words(words, one.code), one.reason, one.id));
    let aside = std::mem::take(&mut done.quarantined).into_iter().map(|one| {
        let place = one.index.map_or_else(String::new, |index| words.n(index as u64 + 1));
        (one.code.to_owned(), code_words(words, one.code), one.reason, one.id.unwrap_or(place))
    });
    let key = match tongue {
        Tongue::Csv => "csv",
        Tongue::Kev => "kev",
        Tongue::Paste => "paste",
        Tongue::Veris => "veris",
        Tongue::Misp => "misp",
        Tongue::Auto | Tongue::Stix | Tongue::Warninglist => "stix",
    };
    Report {
        wrong: contradictions.chain(aside).take(NAMED_MAX).collect(),
        tongue: words.t(format!("evidence-import-{key}")),
        conflicts: conflicts as u64,
        quarantined: quarantined as u64,
        beyond: (conflicts + quarantined).saturating_sub(NAMED_MAX) as u64 + done.unlisted,
        done,
    }
}
