//! May this hat do this? The answer is a Cedar policy a lawyer can read (`policies/office.cedar`).
//!
//! The policy sees the hat, the action and how the caller stands to the thing acted on; never the login. What it
//! decides for every hat and action is a golden table, `tests/golden/authorise.txt`.

use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression,
};
use noroshi_charter::hat::Hat;

use super::ctx::Ctx;
use super::id::{OrgId, PersonId};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Everything a hat can be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// Every action, in the order of the golden table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the policy, the audit entry and the API.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

actions! {
    /// Add persons and organisations, hand out hats.
    OfficeManage = "office.manage",
    /// Make and revoke one's own API tokens.
    OfficeToken = "office.token",
    /// Read the audit entries.
    OfficeAudit = "office.audit",
    /// Save a draft report.
    IntakeDraft = "intake.draft",
    /// File a report.
    IntakeFile = "intake.file",
    /// Read a report.
    IntakeRead = "intake.read",
    /// Bring STIX objects in.
    EvidenceImport = "evidence.import",
    /// Search and read the evidence graph.
    EvidenceRead = "evidence.read",
    /// Take STIX objects out to a file.
    EvidenceExport = "evidence.export",
    /// Hand in a certificate of selection with its sightings.
    SiftSubmit = "sift.submit",
    /// Read certificates of selection.
    SiftRead = "sift.read",
    /// Fetch the national selector list.
    SiftSelectors = "sift.selectors",
    /// Offer a place for a sensor of one's own organisation.
    SiftEnrol = "sift.enrol",
    /// Replace what identifies a person, and ask what a pseudonym stands for.
    SiftPseudonym = "sift.pseudonym",
    /// Enter what is in force for selection: commencements, prefix tables, mandates.
    SiftLaw = "sift.law",
    /// Read the national picture.
    AnalysePicture = "analyse.picture",
    /// Open a joint case and add to it.
    AnalyseCase = "analyse.case",
    /// Read a joint case.
    AnalyseRead = "analyse.read",
    /// Write a note on an object of the evidence graph.
    AnalyseNote = "analyse.note",
    /// Judge evidence for and against a hypothesis.
    AnalyseJudge = "analyse.judge",
    /// State that two objects are one, and take it back.
    AnalyseMerge = "analyse.merge",
    /// Be told what becomes of an object, a case, a search or an observable.
    AnalyseWatch = "analyse.watch",
    /// Ask for a measure.
    ResponseRequest = "response.request",
    /// Answer the commission's question on one's own request.
    ResponseAnswer = "response.answer",
    /// Read a measure.
    ResponseRead = "response.read",
    /// Put a question to the requester.
    ResponseQuestion = "response.question",
    /// Vote on a request.
    ResponseVote = "response.vote",
    /// Start the execution of an approved measure.
    ResponseExecute = "response.execute",
    /// Take a measure back before its expiry.
    ResponseRollback = "response.rollback",
    /// Write the report after a measure.
    ResponseReport = "response.report",
    /// Give an operator's consent to actions on its own network.
    ResponseConsent = "response.consent",
    /// Release objects to an audience.
    ShareRelease = "share.release",
    /// Read what was released to one's own organisation.
    ShareRead = "share.read",
    /// Answer advisories and questions, and ask the office, for one's own organisation.
    ShareAnswer = "share.answer",
    /// Say how what one's own organisation originated is to be handled.
    ShareOpine = "share.opine",
    /// Switch the reading from and handing to other servers on and off, and see how they fare.
    SharePeer = "share.peer",
    /// Hand something in to a TAXII collection.
    SharePush = "share.push",
    /// Take part in a derivation review.
    ShareReview = "share.review",
    /// Read collections, runs and cases of foreign manipulation.
    InfluenceRead = "influence.read",
    /// Ask for a collection of public posts, bring posts in, stop it.
    InfluenceGather = "influence.gather",
    /// Allow a collection or the reading of a handle; enter elections and names that are no seeds.
    InfluenceAllow = "influence.allow",
    /// Analyse a collection, keep a case and take its steps.
    InfluenceAnalyse = "influence.analyse",
    /// Ask for the handle behind a pseudonym, and read it once it is allowed.
    InfluenceOpen = "influence.open",
    /// Enter declared coordination.
    InfluenceDeclare = "influence.declare",
    /// Say whether the public is told, as a member of the panel.
    InfluenceVote = "influence.vote",
    /// Read the state of the log and its proofs.
    OversightLog = "oversight.log",
    /// Read what the annual report counts.
    OversightCount = "oversight.count",
}

/// How the caller stands to the thing acted on. Absent members count as "not mine".
#[derive(Debug, Clone, Copy, Default)]
pub struct On<'a> {
    /// The organisation that owns it.
    pub owner: Option<&'a OrgId>,
    /// The sector it belongs to.
    pub sector: Option<&'a str>,
    /// The person who asked for it.
    pub requester: Option<&'a PersonId>,
}

/// A refusal by the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hat `{hat}` may not `{action}` here")]
pub struct Denied {
    /// The hat worn.
    pub hat: &'static str,
    /// The action asked for.
    pub action: &'static str,
}

impl Denied {
    /// The stable code of this refusal.
    pub const CODE: &'static str = "NRS-AUTH-0003";
}

/// The policy, parsed once.
pub struct Authoriser {
    policies: PolicySet,
    authorizer: Authorizer,
    entities: Entities,
}

/// The policy text did not parse; the program does not start.
#[derive(Debug, thiserror::Error)]
#[error("the authorisation policy cannot be read: {0}")]
pub struct BadPolicy(String);

/// How the caller stands to the thing, as the policy sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// The caller's organisation owns it.
    pub own_org: bool,
    /// It belongs to the caller's sector.
    pub own_sector: bool,
    /// The caller asked for it.
    pub own_request: bool,
}

impl Authoriser {
    /// Parses the policy that is built into the program.
    pub fn new() -> Result<Self, BadPolicy> {
        let text = include_str!("../../policies/office.cedar");
        let policies =
            PolicySet::from_str(text).map_err(|problem| BadPolicy(problem.to_string()))?;
        Ok(Self { policies, authorizer: Authorizer::new(), entities: Entities::empty() })
    }

    /// `Ok` when the caller's hat may do `action` on the thing described by `on`.
    pub fn check(&self, ctx: &Ctx, action: Action, on: On<'_>) -> Result<(), Denied> {
        let standing = Standing {
            own_org: on.owner == Some(&ctx.org),
            own_sector: on.sector.is_some() && on.sector == ctx.sector.as_deref(),
            own_request: on.requester == Some(&ctx.person),
        };
        if self.allows(ctx.hat, action, standing) {
            Ok(())
        } else {
            Err(Denied { hat: ctx.hat.id(), action: action.id() })
        }
    }

    /// The bare decision, for the golden table and for hiding what cannot be used.
    pub fn allows(&self, hat: Hat, action: Action, standing: Standing) -> bool {
        let asked = request(hat, action, standing);
        // An unreadable question is answered no.
        asked.is_some_and(|asked| {
            self.authorizer.is_authorized(&asked, &self.policies, &self.entities).decision()
                == Decision::Allow
        })
    }
}

fn request(hat: Hat, action: Action, standing: Standing) -> Option<Request> {
    let entity = |kind: &str, id: &str| EntityUid::from_str(&format!("{kind}::\"{id}\"")).ok();
    let facts = [
        ("own_org", standing.own_org),
        ("own_sector", standing.own_sector),
        ("own_request", standing.own_request),
    ];
    let facts = facts.map(|(name, truth)| (name.to_owned(), RestrictedExpression::new_bool(truth)));
    Request::new(
        entity("Hat", hat.id())?,
        entity("Action", action.id())?,
        entity("Thing", "asked")?,
        Context::from_pairs(facts).ok()?,
        None,
    )
    .ok()
}

/// Golden tables of the office, `tests/golden/`; `UPDATE_GOLDEN=1` writes them anew.
#[cfg(test)]
pub(super) mod golden {
    use std::path::Path;

    pub(crate) fn check(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{name} differs; look at it, then run again with UPDATE_GOLDEN=1:\n{text}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least standing under which the policy allows, or why not always.
    fn cell(authoriser: &Authoriser, hat: Hat, action: Action) -> String {
        let (stranger, org, sector, request) = (
            Standing::default(),
            Standing { own_org: true, ..Standing::default() },
            Standing { own_sector: true, ..Standing::default() },
            Standing { own_request: true, ..Standing::default() },
        );
        let allows = |standing| authoriser.allows(hat, action, standing);
        let mut cell = String::new();
        if allows(stranger) {
            cell.push('\u{2714}');
            for (mark, standing) in [("o", org), ("s", sector), ("r", request)] {
                if !allows(standing) {
                    cell.push('!');
                    cell.push_str(mark);
                }
            }
        } else {
            for (mark, standing) in [("o", org), ("s", sector), ("r", request)] {
                if allows(standing) {
                    cell.push_str(mark);
                }
            }
        }
        if cell.is_empty() { "-".to_owned() } else { cell }
    }

    #[test]
    fn what_each_hat_may_do_is_as_agreed() {
        use std::fmt::Write as _;
        let authoriser = Authoriser::new().unwrap();
        let mut table = String::from(
            "# Hat and action: \u{2714} always, o own organisation, s own sector, r own request, \
             !o not on one's own, - never\n",
        );
        for action in Action::ALL {
            writeln!(table, "\n{}", action.id()).unwrap();
            for hat in Hat::ALL {
                writeln!(table, "  {:<22} {}", hat.id(), cell(&authoriser, *hat, *action)).unwrap();
            }
        }
        golden::check("authorise.txt", &table);
    }

    #[test]
    fn a_member_of_the_commission_never_votes_on_his_own_request() {
        let authoriser = Authoriser::new().unwrap();
        for (own_org, own_request) in [(true, false), (false, true), (true, true)] {
            let standing = Standing { own_org, own_request, own_sector: true };
            for hat in Hat::ALL {
                assert!(!authoriser.allows(*hat, Action::ResponseVote, standing), "{hat}");
            }
        }
    }
}
