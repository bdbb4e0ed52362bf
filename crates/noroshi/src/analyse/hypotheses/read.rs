//! The matrix of a case as its reader may see it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::weigh::{self, Balance, Cell, Degree, Verdict};
use crate::analyse::read::{self as analyse, Scope};
use crate::evidence::read::{self as evidence, ObjectRow};
use crate::office::id::CaseId;
use crate::office::store::{Reader, StoreFailure, Value};

/// Hypotheses and pieces of evidence of one case.
pub const ROWS_MAX: usize = 100;

/// An explanation.
#[derive(Debug, Clone)]
pub struct Hypothesis {
    /// Its identifier.
    pub hypothesis: String,
    /// The object it names, as far as the reader sees it.
    pub object: Option<ObjectRow>,
    /// It names an object that is not for this reader.
    pub closed: bool,
    /// Its words where it names no object; empty when the object is not for this reader.
    pub label: String,
    /// Why it is worth considering; empty when the object is not for this reader.
    pub rationale: String,
    /// Who put it up: organisation in Japanese and English, and hat.
    pub who: Who,
    /// When and why it was given up.
    pub ended: Option<(Timestamp, String)>,
    /// What speaks for and against it.
    pub balance: Balance,
}

/// Who said something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The organisation, in Japanese and English.
    pub org: (String, String),
    /// The hat.
    pub hat: String,
    /// When.
    pub at: Timestamp,
}

/// A piece of evidence.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// Its identifier.
    pub exhibit: String,
    /// The object, sighting or report.
    pub item: String,
    /// The object as far as the reader sees it.
    pub row: Option<ObjectRow>,
    /// What it says for the question.
    pub says: String,
    /// How far it is to be believed.
    pub credibility: Degree,
    /// How far it bears on the question.
    pub relevance: Degree,
    /// Who put it in.
    pub who: Who,
    /// When and why it was taken out.
    pub ended: Option<(Timestamp, String)>,
    /// How far it tells the hypotheses apart, in hundredths: 0 to 200.
    pub diagnosticity: u32,
}

impl Exhibit {
    /// 1 to 9.
    pub const fn weight(&self) -> u32 {
        weigh::weight(self.credibility, self.relevance)
    }
}

/// What a hat said of one pair.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The evidence.
    pub exhibit: String,
    /// The hypothesis.
    pub hypothesis: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why; empty when the object of the hypothesis is not for this reader.
    pub reason: String,
    /// Who.
    pub who: Who,
    /// Whether a later one of the same hat counts instead.
    pub superseded: bool,
}

/// What was concluded.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// The hypothesis that stands best.
    pub hypothesis: String,
    /// `low`, `moderate` or `high`.
    pub confidence: String,
    /// On what it rests; empty when the object of the hypothesis is not for this reader.
    pub basis: String,
    /// Who.
    pub who: Who,
}

/// Everything about the question of one case.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// Open hypotheses first, then those given up, each in the order of arrival.
    pub hypotheses: Vec<Hypothesis>,
    /// Evidence in force that tells most apart first, then what was taken out.
    pub exhibits: Vec<Exhibit>,
    /// Every judgement on what the reader sees, oldest first.
    pub judgements: Vec<Judgement>,
    /// Conclusions, newest first.
    pub conclusions: Vec<Conclusion>,
    /// Pieces of evidence that are not for this reader; their judgements are not counted.
    pub hidden: u64,
}

impl Matrix {
    /// Hypotheses that are not given up.
    pub fn open(&self) -> impl Iterator<Item = &Hypothesis> {
        self.hypotheses.iter().filter(|one| one.ended.is_none())
    }

    /// Evidence in force.
    pub fn in_force(&self) -> impl Iterator<Item = &Exhibit> {
        self.exhibits.iter().filter(|one| one.ended.is_none())
    }

    /// The judgements that count of one pair.
    pub fn cell(&self, exhibit: &str, hypothesis: &str) -> Vec<&Judgement> {
        self.judgements
            .iter()
            .filter(|one| !one.superseded && one.exhibit == exhibit && one.hypothesis == hypothesis)
            .collect()
    }
}

const WHO: &str = "COALESCE(o.name_ja, t.org), COALESCE(o.name_en, t.org), t.hat, t.at";
const ORG: &str = "LEFT JOIN office_org o ON o.org = t.org";

fn who(row: &crate::office::store::Row<'_, '_>, at: usize) -> Result<Who, StoreFailure> {
    Ok(Who {
        org: (row.text(at)?, row.text(at + 1)?),
        hat: row.text(at + 2)?,
        at: row.time(at + 3)?,
    })
}

/// The matrix of a case; the caller has made sure that the reader may read cases and that there is one.
pub fn matrix(reader: &Reader<'_>, scope: Scope, case: &CaseId) -> Result<Matrix, StoreFailure> {
    let mut matrix = Matrix {
        hypotheses: hypotheses(reader, scope, case)?,
        conclusions: conclusions(reader, case)?,
        ..Matrix::default()
    };
    for exhibit in exhibits(reader, scope, case)? {
        match exhibit {
            Some(exhibit) => matrix.exhibits.push(exhibit),
            None => matrix.hidden += 1,
        }
    }
    matrix.judgements = judgements(reader, case)?;
    // INVARIANT: what is said of evidence that is not for the reader is neither shown nor counted.
    let exhibits = &matrix.exhibits;
    matrix.judgements.retain(|one| exhibits.iter().any(|it| it.exhibit == one.exhibit));
    without_words_of_closed(&mut matrix);
    weighed(&mut matrix);
    Ok(matrix)
}

/// INVARIANT: what was written of an object is for those who see the object, whether as a rationale, as a reason or as a
/// basis; the others see that there is another explanation and how it fares.
fn without_words_of_closed(matrix: &mut Matrix) {
    let closed: BTreeSet<&str> = matrix
        .hypotheses
        .iter()
        .filter(|one| one.closed)
        .map(|one| one.hypothesis.as_str())
        .collect();
    for one in &mut matrix.judgements {
        if closed.contains(one.hypothesis.as_str()) {
            one.reason.clear();
        }
    }
    for one in &mut matrix.conclusions {
        if closed.contains(one.hypothesis.as_str()) {
            one.basis.clear();
        }
    }
    for one in matrix.hypotheses.iter_mut().filter(|one| one.closed) {
        one.rationale.clear();
        one.label.clear();
        if let Some((_, why)) = &mut one.ended {
            why.clear();
        }
    }
}

fn weighed(matrix: &mut Matrix) {
    let said = matrix.judgements.iter().map(|one| {
        let by = (one.who.org.0.clone(), one.who.hat.clone());
        ((one.exhibit.clone(), one.hypothesis.clone()), by, one.verdict)
    });
    let cells = weigh::latest(said);
    let none = Cell::new();
    let open: Vec<String> = matrix.open().map(|one| one.hypothesis.clone()).collect();
    let cell = |exhibit: &str, hypothesis: &str| {
        cells.get(&(exhibit.to_owned(), hypothesis.to_owned())).unwrap_or(&none)
    };
    for exhibit in &mut matrix.exhibits {
        exhibit.diagnosticity =
            weigh::diagnosticity(open.iter().map(|one| cell(&exhibit.exhibit, one)));
    }
    let rows: Vec<(u32, String)> =
        matrix.in_force().map(|one| (one.weight(), one.exhibit.clone())).collect();
    for hypothesis in &mut matrix.hypotheses {
        let own = rows.iter().map(|(weight, one)| (*weight, cell(one, &hypothesis.hypothesis)));
        hypothesis.balance = weigh::balance(own);
    }
    matrix.hypotheses.sort_by_key(|one| one.ended.is_some());
    matrix.exhibits.sort_by_key(|one| (one.ended.is_some(), std::cmp::Reverse(one.diagnosticity)));
}

fn hypotheses(
    reader: &Reader<'_>,
    scope: Scope,
    case: &CaseId,
) -> Result<Vec<Hypothesis>, StoreFailure> {
    let sql = format!(
        "SELECT t.hypothesis, t.object, t.label, t.rationale, {WHO}, t.ended_at, t.ended_why \
         FROM analyse_hypothesis t {ORG} WHERE t.case_id = $1 ORDER BY t.at, t.hypothesis"
    );
    let found = reader.all(&sql, &[Value::from(case)], |row| {
        let why = row.text_or_none(9)?.unwrap_or_default();
        let object = row.text_or_none(1)?;
        Ok((
            object,
            Hypothesis {
                hypothesis: row.text(0)?,
                object: None,
                closed: false,
                label: row.text(2)?,
                rationale: row.text(3)?,
                who: who(row, 4)?,
                ended: row.time_or_none(8)?.map(|at| (at, why)),
                balance: Balance::default(),
            },
        ))
    })?;
    let mut hypotheses = Vec::with_capacity(found.len());
    for (object, mut hypothesis) in found {
        if let Some(object) = object {
            hypothesis.object = evidence::brief(reader, scope.sees(), &object)?;
            hypothesis.closed = hypothesis.object.is_none();
        }
        hypotheses.push(hypothesis);
    }
    Ok(hypotheses)
}

/// `None` stands for a piece that is not for this reader.
fn exhibits(
    reader: &Reader<'_>,
    scope: Scope,
    case: &CaseId,
) -> Result<Vec<Option<Exhibit>>, StoreFailure> {
    let sql = format!(
        "SELECT t.exhibit, t.item, t.says, t.credibility, t.relevance, {WHO}, t.ended_at, t.ended_why \
         FROM analyse_exhibit t {ORG} WHERE t.case_id = $1 ORDER BY t.at, t.exhibit"
    );
    let found = reader.all(&sql, &[Value::from(case)], |row| {
        let why = row.text_or_none(10)?.unwrap_or_default();
        let degree = |at: usize| -> Result<Degree, StoreFailure> {
            let code = row.text(at)?;
            Degree::parse(&code).ok_or_else(|| StoreFailure::Damaged(format!("degree `{code}`")))
        };
        Ok(Exhibit {
            exhibit: row.text(0)?,
            item: row.text(1)?,
            row: None,
            says: row.text(2)?,
            credibility: degree(3)?,
            relevance: degree(4)?,
            who: who(row, 5)?,
            ended: row.time_or_none(9)?.map(|at| (at, why)),
            diagnosticity: 0,
        })
    })?;
    let mut exhibits = Vec::with_capacity(found.len());
    for mut exhibit in found {
        let seen = visible(reader, scope, &exhibit.item)?;
        exhibit.row = evidence::brief(reader, scope.sees(), &exhibit.item)?;
        exhibits.push(seen.then_some(exhibit));
    }
    Ok(exhibits)
}

/// Whether an object, sighting or report is for this reader.
pub fn visible(reader: &Reader<'_>, scope: Scope, item: &str) -> Result<bool, StoreFailure> {
    if item.contains("--") {
        return Ok(evidence::brief(reader, scope.sees(), item)?.is_some());
    }
    Ok(scope.reports() && analyse::is_report(reader, item)?)
}

fn judgements(reader: &Reader<'_>, case: &CaseId) -> Result<Vec<Judgement>, StoreFailure> {
    let sql = format!(
        "SELECT t.exhibit, t.hypothesis, t.verdict, t.reason, {WHO} FROM analyse_judgement t {ORG} \
         WHERE t.case_id = $1 ORDER BY t.at, t.judgement"
    );
    let mut found = reader.all(&sql, &[Value::from(case)], |row| {
        let code = row.text(2)?;
        Ok(Judgement {
            exhibit: row.text(0)?,
            hypothesis: row.text(1)?,
            verdict: Verdict::parse(&code)
                .ok_or_else(|| StoreFailure::Damaged(format!("verdict `{code}`")))?,
            reason: row.text(3)?,
            who: who(row, 4)?,
            superseded: false,
        })
    })?;
    let mut last: BTreeMap<(String, String, String, String), usize> = BTreeMap::new();
    for (at, one) in found.iter().enumerate() {
        let key = (
            one.exhibit.clone(),
            one.hypothesis.clone(),
            one.who.org.0.clone(),
            one.who.hat.clone(),
        );
        last.insert(key, at);
    }
    let counting: BTreeSet<usize> = last.into_values().collect();
    for (at, one) in found.iter_mut().enumerate() {
        one.superseded = !counting.contains(&at);
    }
    Ok(found)
}

fn conclusions(reader: &Reader<'_>, case: &CaseId) -> Result<Vec<Conclusion>, StoreFailure> {
    let sql = format!(
        "SELECT t.hypothesis, t.confidence, t.basis, {WHO} FROM analyse_conclusion t {ORG} \
         WHERE t.case_id = $1 ORDER BY t.at DESC, t.conclusion DESC"
    );
    reader.all(&sql, &[Value::from(case)], |row| {
        Ok(Conclusion {
            hypothesis: row.text(0)?,
            confidence: row.text(1)?,
            basis: row.text(2)?,
            who: who(row, 3)?,
        })
    })
}
