//! The parts of a case, and what each must say.

use noroshi_charter::fimi::CONSIDERATIONS;
use noroshi_charter::finding::Digest;
use noroshi_charter::gathering::Holder;
use serde::{Deserialize, Serialize};

use crate::analyse::hypotheses::rule;
use crate::influence::disarm::{self, Known};

/// Longest text of a part, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// People on a panel at most.
pub const MEMBERS_MAX: usize = 50;
/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 500;

/// How open a channel is about who stands behind it (EEAS, 3rd report on FIMI threats, 2025: exposure matrix). Set by an
/// analyst with a source; never computed.
pub const EXPOSURES: [&str; 5] =
    ["official", "state_controlled", "state_linked", "state_aligned", "unattributed"];
/// What a case may be aimed at.
pub const TARGETS: [&str; 8] = [
    "organization",
    "sector",
    "individual",
    "country",
    "region",
    "event",
    "public_body",
    "process",
];
/// What a case may have as an asset.
pub const ASSETS: [&str; 4] = ["domain", "url", "media", "file"];
/// Who may be told of a case.
pub const AUDIENCES: [&str; 6] =
    ["target", "ministers", "election_body", "platform", "partner", "registrar"];
/// How much a case touches what people at home may say.
pub const RISKS: [&str; 4] = ["none", "low", "moderate", "high"];
/// Words for confidence; there are no others.
pub const CONFIDENCES: [&str; 3] = ["low", "moderate", "high"];

/// Words that judge what is said. A narrative is told without them: whether something is true is nobody's to say here.
const JUDGING: [&str; 20] = [
    "偽情報",
    "偽の",
    "嘘",
    "うそ",
    "デマ",
    "虚偽",
    "フェイク",
    "ボット",
    "陰謀論",
    "洗脳",
    "fake",
    "false",
    "lie",
    "lies",
    "hoax",
    "bot",
    "bots",
    "disinformation",
    "misinformation",
    "conspiracy",
];

/// One part of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// An object of the evidence graph.
    Observable {
        /// Its identifier.
        object: String,
    },
    /// A technique of DISARM.
    Behaviour {
        /// Its identifier, of the present or an older version.
        technique: String,
        /// What shows it.
        evidence: String,
    },
    /// What is told, in a few neutral words.
    Narrative {
        /// A short name.
        name: String,
        /// What is told, without judging it.
        summary: String,
    },
    /// Where it is told.
    Channel {
        /// Its name; of a single account its pseudonym.
        name: String,
        /// What it is: `website`, `social-media`, …
        channel_type: String,
        /// How open it is about who stands behind it.
        exposure: String,
        /// What that rests on.
        source: String,
        /// Whose it is.
        holder: String,
    },
    /// What belongs to the machinery: a domain, an address, a picture.
    Asset {
        /// `domain`, `url`, `media` or `file`.
        asset: String,
        /// Its value.
        value: String,
        /// What shows that it belongs to the case.
        evidence: String,
    },
    /// How far it went, and by whom it was carried on.
    Amplification {
        /// In words.
        summary: String,
        /// What it rests on: a run, a document.
        evidence: String,
    },
    /// Who or what it is aimed at.
    Target {
        /// The kind of target.
        target: String,
        /// Its name.
        name: String,
        /// True for a private person at home: such a name goes to nobody.
        domestic_person: bool,
    },
    /// One of several explanations of who is behind it. Never a natural person.
    Hypothesis {
        /// A group that is held in the graph, or a category in words.
        actor: String,
        /// `low`, `moderate` or `high`.
        confidence: String,
        /// What speaks for and against it.
        basis: String,
    },
    /// A statement that somebody abroad is behind it. It counts when two others reviewed it.
    Nexus {
        /// What is stated.
        statement: String,
        /// What it rests on.
        sources: String,
        /// `low`, `moderate` or `high`.
        confidence: String,
    },
    /// One reviewer's word on a statement of a foreign nexus.
    NexusReview {
        /// The part that states it.
        nexus: String,
        /// Why it holds.
        basis: String,
    },
    /// What harm was or could be done.
    Harm {
        /// In words.
        summary: String,
    },
    /// What acting on it would mean for what people at home may say.
    Speech {
        /// `none`, `low`, `moderate` or `high`.
        risk: String,
        /// In words.
        assessment: String,
    },
    /// A finding on one of the four criteria.
    Criterion {
        /// 1 interests, 2 foreign actor, 3 misleading, 4 dissemination.
        number: u8,
        /// Whether it holds.
        holds: bool,
        /// What was found.
        finding: String,
        /// What it rests on; of criterion 2 the part that states the nexus.
        evidence: String,
    },
    /// A collection whose posts the case needs.
    Collection {
        /// The collection.
        collection: String,
    },
    /// Somebody was told.
    Informed {
        /// Who.
        who: String,
        /// How, and by whom.
        how: String,
    },
    /// An answer to consider, from the list of those that are offered.
    Counter {
        /// Its identifier.
        id: String,
        /// What for.
        basis: String,
    },
    /// The text of a notice to the public.
    Notice {
        /// In Japanese.
        ja: String,
        /// In English.
        en: String,
        /// What it rests on.
        evidence: String,
        /// How to have it corrected.
        correction: String,
    },
    /// What was found on one of the things that the panel weighs before the public is told in an election period.
    Consideration {
        /// Its code (`noroshi_charter::fimi::CONSIDERATIONS`).
        consideration: String,
        /// What was found.
        finding: String,
    },
    /// People whom the legal hat puts on the panel of this round. Whoever is on it comes off by a recusal only.
    Panel {
        /// Identifiers of people who hold the hat of the panel.
        members: Vec<String>,
    },
    /// Somebody on the panel who does not speak on this case.
    Recusal {
        /// Who.
        member: String,
        /// Why.
        reason: String,
    },
    /// The text of a correction, for the panel to speak on before it goes out.
    CorrectionDraft {
        /// The part that holds the notice.
        notice: String,
        /// What is corrected, in Japanese.
        ja: String,
        /// In English.
        en: String,
    },
    /// A correction of a notice that went out. To add it is to tell the public.
    Correction {
        /// The part that holds the notice.
        notice: String,
        /// What is corrected, in Japanese.
        ja: String,
        /// In English.
        en: String,
    },
}

/// What is wrong with a part: a code, and what it is about.
pub type Wrong = (&'static str, String);

fn filled(fields: &[(&str, &str, usize)]) -> Result<(), Wrong> {
    for (name, text, most) in fields {
        if text.trim().is_empty() || text.chars().count() > *most {
            return Err(("NRS-INFL-1101", (*name).to_owned()));
        }
    }
    Ok(())
}

fn one_of(name: &str, value: &str, of: &[&str]) -> Result<(), Wrong> {
    if of.contains(&value) { Ok(()) } else { Err(("NRS-INFL-1102", name.to_owned())) }
}

/// The first judging word of a text, where it has one.
pub fn judging(text: &str) -> Option<&'static str> {
    let lower = crate::web::locale::fold_width(text).to_lowercase();
    let words: Vec<&str> = lower.split(|letter: char| !letter.is_alphanumeric()).collect();
    JUDGING
        .into_iter()
        .find(|word| if word.is_ascii() { words.contains(word) } else { lower.contains(word) })
}

impl Body {
    /// The code of its kind, as it stands in the record.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Observable { .. } => "observable",
            Self::Behaviour { .. } => "behaviour",
            Self::Narrative { .. } => "narrative",
            Self::Channel { .. } => "channel",
            Self::Asset { .. } => "asset",
            Self::Amplification { .. } => "amplification",
            Self::Target { .. } => "target",
            Self::Hypothesis { .. } => "hypothesis",
            Self::Nexus { .. } => "nexus",
            Self::NexusReview { .. } => "nexus_review",
            Self::Harm { .. } => "harm",
            Self::Speech { .. } => "speech",
            Self::Criterion { .. } => "criterion",
            Self::Collection { .. } => "collection",
            Self::Informed { .. } => "informed",
            Self::Counter { .. } => "counter",
            Self::Notice { .. } => "notice",
            Self::Consideration { .. } => "consideration",
            Self::Panel { .. } => "panel",
            Self::Recusal { .. } => "recusal",
            Self::CorrectionDraft { .. } => "correction_draft",
            Self::Correction { .. } => "correction",
        }
    }

    /// What is wrong with it by itself; what it refers to is looked up elsewhere.
    pub fn check(&self) -> Result<(), Wrong> {
        let (long, name) = (TEXT_CHARS_MAX, NAME_CHARS_MAX);
        match self {
            Self::Observable { object } => filled(&[("object", object, name)]),
            Self::Behaviour { technique, evidence } => {
                filled(&[("evidence", evidence, long)])?;
                match disarm::known(technique) {
                    Known::Unknown => Err(("NRS-INFL-1103", technique.clone())),
                    Known::Now | Known::Before(_) => Ok(()),
                }
            }
            Self::Narrative { name: called, summary } => {
                filled(&[("name", called, name), ("summary", summary, long)])?;
                match judging(called).or_else(|| judging(summary)) {
                    Some(word) => Err(("NRS-INFL-1104", word.to_owned())),
                    None => Ok(()),
                }
            }
            Self::Channel { name: called, channel_type, exposure, source, holder } => {
                filled(&[("name", called, name), ("channel_type", channel_type, name)])?;
                one_of("exposure", exposure, &EXPOSURES)?;
                if exposure != "unattributed" {
                    filled(&[("source", source, long)])?;
                }
                match Holder::parse(holder) {
                    // What a private person at home says is no channel of a case.
                    Some(Holder::DomesticPrivate) => Err(("NRS-INFL-0208", called.clone())),
                    Some(_) => Ok(()),
                    None => Err(("NRS-INFL-1102", "holder".to_owned())),
                }
            }
            Self::Asset { asset, value, evidence } => {
                one_of("asset", asset, &ASSETS)?;
                filled(&[("value", value, long), ("evidence", evidence, long)])
            }
            Self::Amplification { summary, evidence } => {
                filled(&[("summary", summary, long), ("evidence", evidence, long)])
            }
            Self::Target { target, name: called, .. } => {
                one_of("target", target, &TARGETS)?;
                filled(&[("name", called, name)])
            }
            Self::Hypothesis { actor, confidence, basis } => {
                one_of("confidence", confidence, &CONFIDENCES)?;
                filled(&[("actor", actor, name), ("basis", basis, long)])?;
                rule::words(actor).map_err(|_| ("NRS-INFL-1105", actor.clone()))
            }
            _ => self.check_procedure(),
        }
    }

    /// The same for what belongs to the procedure.
    fn check_procedure(&self) -> Result<(), Wrong> {
        let (long, name) = (TEXT_CHARS_MAX, NAME_CHARS_MAX);
        match self {
            Self::Nexus { statement, sources, confidence } => {
                one_of("confidence", confidence, &CONFIDENCES)?;
                filled(&[("statement", statement, long), ("sources", sources, long)])
            }
            Self::NexusReview { nexus, basis } => {
                filled(&[("nexus", nexus, name), ("basis", basis, long)])
            }
            Self::Harm { summary } => filled(&[("summary", summary, long)]),
            Self::Speech { risk, assessment } => {
                one_of("risk", risk, &RISKS)?;
                filled(&[("assessment", assessment, long)])
            }
            Self::Criterion { number, finding, evidence, .. } => {
                if !(1..=4).contains(number) {
                    return Err(("NRS-INFL-1102", "number".to_owned()));
                }
                filled(&[("finding", finding, long), ("evidence", evidence, long)])
            }
            Self::Collection { collection } => filled(&[("collection", collection, name)]),
            Self::Informed { who, how } => {
                one_of("who", who, &AUDIENCES)?;
                filled(&[("how", how, long)])
            }
            // Whether it is offered, and what it needs is there, is asked of the case.
            Self::Counter { id, basis } => filled(&[("id", id, name), ("basis", basis, long)]),
            Self::Notice { ja, en, evidence, correction } => filled(&[
                ("ja", ja, long),
                ("en", en, long),
                ("evidence", evidence, long),
                ("correction", correction, long),
            ]),
            Self::Consideration { consideration, finding } => {
                one_of("consideration", consideration, &CONSIDERATIONS)?;
                filled(&[("finding", finding, long)])
            }
            Self::Panel { members } => {
                if members.is_empty() || members.len() > MEMBERS_MAX {
                    return Err(("NRS-INFL-1101", "members".to_owned()));
                }
                members.iter().try_for_each(|member| filled(&[("members", member, name)]))
            }
            Self::Recusal { member, reason } => {
                filled(&[("member", member, name), ("reason", reason, long)])
            }
            Self::CorrectionDraft { notice, ja, en } | Self::Correction { notice, ja, en } => {
                filled(&[("notice", notice, name), ("ja", ja, long), ("en", en, long)])
            }
            _ => Ok(()),
        }
    }

    /// A line about it, for lists.
    pub fn line(&self) -> String {
        match self {
            Self::Observable { object } => object.clone(),
            Self::Behaviour { technique, evidence } => format!("{technique}: {evidence}"),
            Self::Narrative { name, summary } => format!("{name}: {summary}"),
            Self::Channel { name, channel_type, .. } => format!("{name} ({channel_type})"),
            Self::Asset { value, evidence, .. } => format!("{value}: {evidence}"),
            Self::Amplification { summary, .. } | Self::Harm { summary } => summary.clone(),
            Self::Target { name, .. } => name.clone(),
            Self::Hypothesis { actor, basis, .. } => format!("{actor}: {basis}"),
            Self::Nexus { statement, .. } => statement.clone(),
            Self::NexusReview { basis, .. } => basis.clone(),
            Self::Speech { assessment, .. } => assessment.clone(),
            Self::Criterion { finding, .. } => finding.clone(),
            Self::Consideration { consideration, finding } => format!("{consideration}: {finding}"),
            Self::Collection { collection } => collection.clone(),
            Self::Informed { how, .. } => how.clone(),
            Self::Counter { id, basis } => format!("{id}: {basis}"),
            Self::Panel { members } => members.join(", "),
            Self::Recusal { member, reason } => format!("{member}: {reason}"),
            Self::Notice { ja, en, .. }
            | Self::CorrectionDraft { ja, en, .. }
            | Self::Correction { ja, en, .. } => format!("{ja} / {en}"),
        }
    }

    /// What members of the panel speak on: a notice as it is, and a draft as the correction that it would be.
    pub fn spoken_on(&self) -> Option<Digest> {
        match self {
            Self::Notice { .. } => Digest::of_canonical(self),
            Self::CorrectionDraft { notice, ja, en } => Digest::of_canonical(&Self::Correction {
                notice: notice.clone(),
                ja: ja.clone(),
                en: en.clone(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &Body) -> &'static str {
        body.check().err().map_or("", |wrong| wrong.0)
    }

    #[test]
    fn a_narrative_is_told_without_judging_it() {
        let told = |summary: &str| {
            code(&Body::Narrative { name: "架空の話".to_owned(), summary: summary.to_owned() })
        };
        assert_eq!(told("投票所の時間が変わったと伝える"), "");
        assert_eq!(told("says that polling hours changed; credibility is not judged"), "");
        for judged in ["デマを流す", "ＦＡＫＥ news", "a hoax about hours", "ボットによる"]
        {
            assert_eq!(told(judged), "NRS-INFL-1104", "{judged}");
        }
    }

    #[test]
    fn behaviours_are_of_the_table() {
        let behaviour = |technique: &str| {
            code(&Body::Behaviour { technique: technique.to_owned(), evidence: "run".to_owned() })
        };
        assert_eq!(behaviour("T0084.001"), "");
        assert_eq!(behaviour("T0104.004"), "", "of an older version");
        assert_eq!(behaviour("T0000.000"), "NRS-INFL-1103");
    }

    #[test]
    fn no_hypothesis_names_a_person_and_no_channel_is_a_private_persons() {
        let actor = |actor: &str| {
            code(&Body::Hypothesis {
                actor: actor.to_owned(),
                confidence: "low".to_owned(),
                basis: "b".to_owned(),
            })
        };
        assert_eq!(actor("a commercial network"), "");
        assert_eq!(actor("架空 太郎氏"), "NRS-INFL-1105");
        let channel = |holder: &str| {
            code(&Body::Channel {
                name: "acct:00".to_owned(),
                channel_type: "social-media".to_owned(),
                exposure: "unattributed".to_owned(),
                source: String::new(),
                holder: holder.to_owned(),
            })
        };
        assert_eq!(channel("unknown"), "");
        assert_eq!(channel("domestic_private"), "NRS-INFL-0208");
    }
}
