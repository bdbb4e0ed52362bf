//! Notes on objects and cases: written once, with a marking of their own that is at least that of what they are about.
//!
//! Whoever may not see the subject is not told that there is a note. A note marked stricter than its subject is for
//! fewer: TLP:AMBER+STRICT stays in the writer's organisation, TLP:RED with the writer. A case is read by more than what
//! it holds: what makes its notes that strict gives them only to those who see all of it that is so marked ([`Opens`]).

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use noroshi_evidence::marking::Tlp;
use serde_json::json;

use super::act::TEXT_CHARS_MAX;
use super::merge::{self, reason};
use crate::evidence::read::{self as evidence, Sees};
use crate::evidence::rows::{tlp_code, tlp_of};
use crate::house::House;
use crate::office::authorise::{Action, On};
use crate::office::commit::{Idempotency, Write};
use crate::office::ctx::Ctx;
use crate::office::id::{CaseId, fresh_uuid};
use crate::office::store::{Reader, StoreFailure, Value};
use crate::web::refusal::{Answer, Refusal};

/// Notes shown of one subject; older ones are counted.
pub const NOTES_MAX: usize = 200;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its identifier.
    pub note: String,
    /// The object or case it was written on.
    pub subject: String,
    /// Its marking now: its own or that of its subject, whichever is stricter.
    pub tlp: String,
    /// When it was written.
    pub at: Timestamp,
    /// The organisation of the writer, in Japanese and English.
    pub org: (String, String),
    /// The hat of the writer.
    pub hat: String,
    /// What it says.
    pub text: String,
}

/// Who reads notes: what is addressed to an organisation or a person is for them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Their organisation.
    pub org: String,
    /// Their login.
    pub person: String,
}

impl Reading {
    /// The reader of a request.
    pub fn of(ctx: &Ctx) -> Self {
        Self { org: ctx.org.to_string(), person: ctx.person.to_string() }
    }
}

/// For which markings a note that is as strict as its subject is for this reader; else it is for the writer's
/// organisation (TLP:AMBER+STRICT) or the writer (TLP:RED), like one that is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens {
    strict: bool,
    red: bool,
}

impl Opens {
    /// Those of an object: it has one marking, and the reader sees it.
    pub const OBJECT: Self = Self { strict: true, red: true };
}

/// The notes of the subject `$1` for an organisation `$2` and a person `$3`, whom notes marked like the subject are for by
/// `$4` (TLP:AMBER+STRICT) and `$5` (TLP:RED).
///
/// INVARIANT: what is addressed to others is neither shown nor counted.
const FOR_READER: &str = "FROM analyse_remark n LEFT JOIN office_org o ON o.org = n.org WHERE n.subject = $1 AND \
     ((n.audience = 'subject' AND (n.tlp NOT IN ('amber-strict', 'red') \
     OR (n.tlp = 'amber-strict' AND ($4 = 1 OR n.org = $2)) OR (n.tlp = 'red' AND ($5 = 1 OR n.person = $3)))) \
     OR (n.audience = 'org' AND n.org = $2) OR (n.audience = 'person' AND n.person = $3))";

fn asked(who: &Reading, subject: &str, opens: Opens) -> Vec<Value> {
    vec![
        Value::from(subject),
        Value::from(&who.org),
        Value::from(&who.person),
        Value::Int(i64::from(opens.strict)),
        Value::Int(i64::from(opens.red)),
    ]
}

/// When notes of `subject` were written after `after` and before `until`, newest first, at most `limit`. The caller has
/// made sure that the reader sees the subject.
pub fn times(
    reader: &Reader<'_>,
    who: &Reading,
    (subject, opens): (&str, Opens),
    (after, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Timestamp>, StoreFailure> {
    let sql = format!(
        "SELECT n.at {FOR_READER} AND n.at > $6 AND n.at < $7 ORDER BY n.at DESC, n.note DESC LIMIT $8"
    );
    let mut params = asked(who, subject, opens);
    params.extend([
        Value::from(after),
        Value::from(until),
        Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
    ]);
    reader.all(&sql, &params, |row| row.time(0))
}

/// The notes of `subject`, oldest first, at most the last [`NOTES_MAX`], and how many older ones there are. The caller
/// has made sure that the reader sees the subject.
pub fn of_subject(
    reader: &Reader<'_>,
    who: &Reading,
    (subject, opens): (&str, Opens),
    floor: Tlp,
) -> Result<(Vec<Note>, u64), StoreFailure> {
    let params = asked(who, subject, opens);
    let total = reader.number(&format!("SELECT COUNT(*) {FOR_READER}"), &params)?;
    let sql = format!(
        "SELECT n.note, n.tlp, n.at, COALESCE(o.name_ja, n.org), COALESCE(o.name_en, n.org), n.hat, n.text {FOR_READER} \
         ORDER BY n.at DESC, n.note DESC LIMIT 200"
    );
    let mut notes = reader.all(&sql, &params, |row| {
        let own = tlp_of(&row.text(1)?).unwrap_or(Tlp::Red);
        Ok(Note {
            note: row.text(0)?,
            subject: subject.to_owned(),
            tlp: tlp_code(own.max(floor)).to_owned(),
            at: row.time(2)?,
            org: (row.text(3)?, row.text(4)?),
            hat: row.text(5)?,
            text: row.text(6)?,
        })
    })?;
    notes.reverse();
    let older = u64::try_from(total).unwrap_or(0).saturating_sub(notes.len() as u64);
    Ok((notes, older))
}

/// The notes of an object and of everything that counts as one with it, as far as the reader sees them.
pub fn of_object(
    reader: &Reader<'_>,
    sees: Sees,
    who: &Reading,
    id: &str,
) -> Result<(Vec<Note>, u64), StoreFailure> {
    let (mut notes, mut older) = (Vec::new(), 0);
    for one in merge::siblings(reader, sees, id)? {
        let Some(row) = evidence::brief(reader, sees, &one)? else { continue };
        let floor = tlp_of(&row.tlp).unwrap_or(Tlp::Red);
        let (some, more) = of_subject(reader, who, (&one, Opens::OBJECT), floor)?;
        notes.extend(some);
        older += more;
    }
    notes.sort_by(|a, b| (a.at, &a.note).cmp(&(b.at, &b.note)));
    Ok((notes, older))
}

/// What the markings of a case's members make of its notes. Reports of operators count as TLP:AMBER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Markings {
    /// The strictest among what the case holds: the least that a note gets.
    pub floor: Tlp,
    /// The strictest among what this reader sees of it.
    pub seen: Tlp,
    /// Which notes are for this reader by what the case holds.
    pub opens: Opens,
}

/// The markings of a case for a reader.
pub fn of_case(reader: &Reader<'_>, sees: Sees, case: &CaseId) -> Result<Markings, StoreFailure> {
    // What was taken out speaks for the readers of its notes still: they are neither more nor fewer for it.
    let members = reader.all(
        "SELECT item, removed_at IS NULL FROM analyse_member WHERE case_id = $1 ORDER BY item",
        &[Value::from(case)],
        |row| Ok((row.text(0)?, row.truth(1)?)),
    )?;
    let (mut floor, mut seen) = (Tlp::Amber, Tlp::Amber);
    let mut so_marked = Vec::with_capacity(members.len());
    for (id, held) in members {
        let Some(row) = evidence::brief(reader, Sees::ALL, &id)? else { continue };
        let tlp = tlp_of(&row.tlp).unwrap_or(Tlp::Red);
        let is_seen = evidence::brief(reader, sees, &id)?.is_some();
        if held {
            floor = floor.max(tlp);
        }
        if held && is_seen {
            seen = seen.max(tlp);
        }
        so_marked.push((tlp, is_seen));
    }
    Ok(Markings { floor, seen, opens: opens(&so_marked) })
}

/// A note is open to a reader who sees everything that is marked at least as strictly, if there is any.
fn opens(members: &[(Tlp, bool)]) -> Opens {
    let open = |tlp: Tlp| {
        let mut strict = members.iter().filter(|(own, _)| *own >= tlp).peekable();
        strict.peek().is_some() && strict.all(|(_, seen)| *seen)
    };
    Opens { strict: open(Tlp::AmberStrict), red: open(Tlp::Red) }
}

/// The marking a note gets, and who may read it.
fn marked(own: Option<Tlp>, floor: Tlp) -> (Tlp, &'static str) {
    let tlp = own.unwrap_or(floor).max(floor);
    let audience = match tlp {
        _ if tlp <= floor => "subject",
        Tlp::Clear | Tlp::Green | Tlp::Amber => "subject",
        Tlp::AmberStrict => "org",
        Tlp::Red => "person",
    };
    (tlp, audience)
}

/// The write of a note.
pub(super) fn insert(
    ctx: &Ctx,
    subject: &str,
    text: &str,
    own: Option<Tlp>,
    floor: Tlp,
) -> (String, Write) {
    let note = format!("note-{}", fresh_uuid(ctx.now).as_simple());
    let (tlp, audience) = marked(own, floor);
    let write = Write::one(
        "INSERT INTO analyse_remark (note, subject, tlp, audience, at, person, org, hat, text) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        vec![
            Value::from(&note),
            Value::from(subject),
            Value::from(tlp_code(tlp)),
            Value::from(audience),
            Value::from(ctx.now),
            Value::from(ctx.person.as_str()),
            Value::from(&ctx.org),
            Value::from(ctx.hat.id()),
            Value::from(text),
        ],
    );
    (note, write)
}

/// A marking asked for; empty for that of the subject.
pub fn asked_tlp(code: &str) -> Answer<Option<Tlp>> {
    let code = code.trim();
    if code.is_empty() {
        return Ok(None);
    }
    match tlp_of(code) {
        Some(tlp) => Ok(Some(tlp)),
        None => Err(Refusal::new("NRS-ANAL-0106", StatusCode::UNPROCESSABLE_ENTITY).into()),
    }
}

/// Writes a note on an object.
pub async fn write(
    house: &Arc<House>,
    ctx: &Ctx,
    object: &str,
    text: &str,
    tlp: &str,
    once: Option<Idempotency>,
) -> Answer<(String, u64)> {
    house.authoriser.check(ctx, Action::AnalyseNote, On::default())?;
    let sees = Sees::of(house, ctx);
    let asked = object.to_owned();
    let row = house.store.read(move |reader| evidence::brief(reader, sees, &asked)).await?;
    // Absent and not for this reader look alike.
    let row = row.ok_or_else(Refusal::absent)?;
    let text = reason(text)?;
    debug_assert!(text.chars().count() <= TEXT_CHARS_MAX);
    let floor = tlp_of(&row.tlp).unwrap_or(Tlp::Red);
    let (note, insert) = insert(ctx, &row.id, &text, asked_tlp(tlp)?, floor);
    let change = merge::change("object.note", &note)
        .payload(json!({ "object": row.id, "text": text }))
        .once(once)
        .write(insert);
    super::act::made(house.door.commit(ctx, change).await, &note)
}

/// A piece of a note: words, or an identifier that leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// As written.
    pub text: String,
    /// Where it leads; empty for words. Whether anything is there is not looked up: that would tell.
    pub href: String,
}

/// Cuts a text at the identifiers in it.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut word = String::new();
    for letter in text.chars().chain(std::iter::once('\0')) {
        if is_part(letter) {
            word.push(letter);
            continue;
        }
        let href = address(&word);
        if href.is_empty() {
            push_words(&mut found, &word);
        } else {
            found.push(Piece { text: word.clone(), href });
        }
        word.clear();
        if letter != '\0' {
            push_words(&mut found, letter.encode_utf8(&mut [0; 4]));
        }
    }
    found
}

fn push_words(found: &mut Vec<Piece>, words: &str) {
    match found.last_mut() {
        _ if words.is_empty() => {}
        Some(last) if last.href.is_empty() => last.text.push_str(words),
        _ => found.push(Piece { text: words.to_owned(), href: String::new() }),
    }
}

/// Where an identifier leads; empty for everything else.
pub fn address(word: &str) -> String {
    if let Some((kind, uuid)) = word.split_once("--") {
        let form = uuid.len() == 36
            && uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            && !kind.is_empty();
        return if form { format!("/evidence/{word}") } else { String::new() };
    }
    let numbered = |prefix: &str| {
        word.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    match () {
        () if numbered("case-") => format!("/analyse/cases/{word}"),
        () if numbered("report-") => format!("/intake/reports/{word}"),
        () => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_never_marked_looser_than_its_subject_and_a_stricter_one_is_for_fewer() {
        for floor in Tlp::ALL {
            for own in Tlp::ALL.into_iter().map(Some).chain([None]) {
                let (tlp, audience) = marked(own, floor);
                assert!(tlp >= floor, "{own:?} on {floor:?}");
                let fewer = tlp > floor && tlp >= Tlp::AmberStrict;
                assert_eq!(audience != "subject", fewer, "{own:?} on {floor:?}");
            }
        }
        assert_eq!(marked(Some(Tlp::AmberStrict), Tlp::Amber).1, "org");
        assert_eq!(marked(Some(Tlp::Red), Tlp::AmberStrict).1, "person");
    }

    #[test]
    fn a_note_as_strict_as_what_a_case_holds_is_for_those_who_see_all_that_is_so_marked() {
        let (amber, strict, red) = (Tlp::Amber, Tlp::AmberStrict, Tlp::Red);
        for (members, expected) in [
            (vec![], (false, false)),
            (vec![(amber, true)], (false, false)),
            (vec![(strict, true)], (true, false)),
            (vec![(strict, false)], (false, false)),
            (vec![(red, true)], (true, true)),
            (vec![(red, true), (amber, false)], (true, true)),
            (vec![(red, true), (strict, false)], (false, true)),
            (vec![(red, false), (strict, true)], (false, false)),
            (vec![(red, true), (red, false)], (false, false)),
        ] {
            let Opens { strict, red } = opens(&members);
            assert_eq!((strict, red), expected, "{members:?}");
        }
    }

    #[test]
    fn identifiers_in_a_text_become_links_and_nothing_is_lost() {
        let text = "参照：malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777、case-0123456789abcdef0123456789abcdef。x--y";
        let found = pieces(text);
        let whole: String = found.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, text);
        let links: Vec<&str> =
            found.iter().map(|piece| piece.href.as_str()).filter(|href| !href.is_empty()).collect();
        assert_eq!(
            links,
            [
                "/evidence/malware--1b6ea7d9-2b0f-4f55-8f0a-5ac0b2f0c777",
                "/analyse/cases/case-0123456789abcdef0123456789abcdef"
            ]
        );
        assert_eq!(pieces("<script>").len(), 1);
    }
}
