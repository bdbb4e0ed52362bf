//! One log for each rule that can be broken; the verifier names the rule and the entry.

use noroshi_ledger::checkpoint::Checkpoint;
use noroshi_ledger::leaf::Choice::{Approve, Refuse};
use noroshi_ledger::leaf::{Choice, EndCause, Execution, Fact, Outcome};
use noroshi_ledger::note::Signer;
use noroshi_ledger::tile::encode_bundle;
use noroshi_ledger::verify::audit::{EffectState, Report};
use noroshi_ledger::verify::lie::Rule;
use noroshi_ledger::verify::{History, Options, Refusal, SourceError, verify};

use crate::builder::*;

fn check(log: &Log) -> Result<Report, Refusal> {
    verify(&mut log.shelf(), &options())
}

fn lie(result: Result<Report, Refusal>) -> (Rule, Option<u64>) {
    match result {
        Err(Refusal::Lie(lie)) => (lie.rule, lie.leaf),
        other => panic!("no lie was found: {other:?}"),
    }
}

/// The last entry of the log is the one that lies.
fn last_lies(log: &Log, rule: Rule) {
    assert_eq!(lie(check(log)), (rule, Some(log.entries.len() as u64 - 1)));
}

#[test]
fn a_good_day_holds() {
    let report = check(&good_day()).unwrap();
    assert_eq!(report.size, 15);
    assert_eq!(report.history, History::NotJudged);
    assert_eq!(report.not_understood, 0);
    assert_eq!(report.counts["measure.vote"], 3);
    let (from, to) = report.times.unwrap();
    assert_eq!(
        (from.as_str(), to.as_str()),
        ("2026-11-23T00:00:00.000Z", "2026-11-23T00:14:00.000Z")
    );
    let measure = &report.measures["measure-1"];
    let effect = &measure.effects["effect-1"];
    assert_eq!((effect.began, effect.state, effect.ended), (6, EffectState::Expired, Some(8)));
    let request = &measure.requests[&digest("request").to_string()];
    assert_eq!((request.leaf, request.votes.len(), request.decisions[0].leaf), (1, 3, 5));
}

#[test]
fn an_empty_log_holds() {
    let report = check(&Log::default()).unwrap();
    assert_eq!((report.size, report.times), (0, None));
}

#[test]
fn a_log_of_many_tiles_holds_and_each_of_its_files_is_checked() {
    let mut log = Log::opened();
    for number in 1..700 {
        log.push(Fact::AccessView {
            subject: format!("case-{number}"),
            purpose: "test".to_owned(),
        });
    }
    let shelf = log.shelf();
    assert_eq!(verify(&mut shelf.clone(), &options()).unwrap().counts["access.view"], 699);
    for path in shelf.0.keys() {
        for place in [0, shelf.0[path].len() / 2, shelf.0[path].len() - 1] {
            let mut changed = shelf.clone();
            changed.0.get_mut(path).unwrap()[place] ^= 1;
            assert!(verify(&mut changed, &options()).is_err(), "{path} at {place}");
        }
        let mut without = shelf.clone();
        without.0.remove(path);
        let answer = verify(&mut without, &options());
        if path == "checkpoint" {
            assert_eq!(answer, Err(Refusal::NoLog));
        } else {
            assert_eq!(lie(answer).0, Rule::FileMissing, "{path}");
        }
        for cut in [1, shelf.0[path].len() / 2] {
            let mut shorter = shelf.clone();
            let length = shelf.0[path].len() - cut;
            shorter.0.get_mut(path).unwrap().truncate(length);
            assert!(verify(&mut shorter, &options()).is_err(), "{path} cut by {cut}");
        }
        let mut longer = shelf.clone();
        longer.0.get_mut(path).unwrap().extend([0; 32]);
        assert!(verify(&mut longer, &options()).is_err(), "{path} longer");
    }
}

#[test]
fn tiles_that_do_not_follow_from_the_entries() {
    let mut log = Log::opened();
    for number in 1..513 {
        log.push(Fact::IntakeDraft { report: format!("report-{number}") });
    }
    for (path, keep) in [("tile/1/000.p/2", 64), ("tile/1/000.p/2", 32), ("tile/0/002.p/1", 31)] {
        let mut shelf = log.shelf();
        let tile = shelf.0.get_mut(path).unwrap();
        tile[0] ^= 1;
        tile.truncate(keep);
        assert_eq!(lie(verify(&mut shelf, &options())), (Rule::Tile, None), "{path}");
    }
}

#[test]
fn a_full_tile_stands_in_for_a_partial_one_that_was_removed() {
    let mut log = Log::opened();
    for number in 1..300 {
        log.push(Fact::AccessView {
            subject: format!("case-{number}"),
            purpose: "test".to_owned(),
        });
    }
    let mut shelf = log.shelf();
    let mut shorter = log.clone();
    shorter.entries.truncate(250);
    shelf.0.insert("checkpoint".to_owned(), shorter.shelf().0.remove("checkpoint").unwrap());
    assert_eq!(verify(&mut shelf, &options()).unwrap().size, 250);
    shelf.0.insert("tile/entries/000".to_owned(), vec![0; 30]);
    assert_eq!(lie(verify(&mut shelf, &options())), (Rule::Bundle, Some(0)));
}

#[test]
fn a_tampered_entry() {
    let mut log = good_day();
    let honest = log.shelf();
    let text = String::from_utf8(log.entries[14].clone()).unwrap();
    log.entries[14] = text.replace("inspection", "curiosity.").into_bytes();
    let mut shelf = honest.clone();
    let bundle = "tile/entries/000.p/15";
    shelf.0.insert(bundle.to_owned(), log.shelf().0.remove(bundle).unwrap());
    assert_eq!(lie(verify(&mut shelf, &options())), (Rule::EntryChanged, Some(14)));
    // The forger who also makes new tiles cannot make the root.
    let mut shelf = log.shelf();
    shelf.0.insert("checkpoint".to_owned(), honest.0["checkpoint"].clone());
    assert_eq!(lie(verify(&mut shelf, &options())), (Rule::Root, None));
}

#[test]
fn swapped_entries() {
    let mut log = good_day();
    let mut shelf = log.shelf();
    log.entries.swap(2, 3);
    let bundle = encode_bundle(log.entries.iter().map(Vec::as_slice)).unwrap();
    shelf.0.insert("tile/entries/000.p/15".to_owned(), bundle);
    assert_eq!(lie(verify(&mut shelf, &options())), (Rule::EntryChanged, Some(2)));
    // Swapped before signing: the numbers of the writer betray it.
    assert_eq!(lie(check(&log)), (Rule::EmitterSequence, Some(2)));
}

#[test]
fn a_forged_copy_blames_nobody_in_it() {
    let mut log = Log::opened();
    let honest = log.shelf().0.remove("checkpoint").unwrap();
    log.push(begin("effect-1"));
    let mut forged = log.shelf();
    forged.0.insert("checkpoint".to_owned(), honest);
    // The honest checkpoint is of one entry; the forged execution is not under it.
    assert_eq!(lie(verify(&mut forged, &options())).0, Rule::FileMissing);
    let wrong = Checkpoint::new(ORIGIN, 2, digest("another root"));
    let note = signer().sign(&wrong.to_string()).unwrap().into_bytes();
    forged.0.insert("checkpoint".to_owned(), note);
    assert_eq!(lie(verify(&mut forged, &options())), (Rule::Root, None));
}

#[test]
fn forged_signatures() {
    let mut shelf = good_day().shelf();
    let other = Signer::new(ORIGIN, &[2; 32]).unwrap();
    let wrong_key = Options { key: other.vkey(), earlier: None };
    assert_eq!(lie(verify(&mut shelf.clone(), &wrong_key)), (Rule::Signature, None));
    let text = good_day().checkpoint(14).to_string();
    let note = signer().sign(&good_day().checkpoint(15).to_string()).unwrap();
    let (_, line) = note.split_once("\n\n").unwrap();
    shelf.0.insert("checkpoint".to_owned(), format!("{text}\n{line}").into_bytes());
    assert_eq!(lie(verify(&mut shelf, &options())), (Rule::Signature, None));
}

#[test]
fn checkpoints_that_say_something_else() {
    let with = |note: Vec<u8>| {
        let mut shelf = good_day().shelf();
        shelf.0.insert("checkpoint".to_owned(), note);
        lie(verify(&mut shelf, &options()))
    };
    let other = Checkpoint::new("other.example/log", 0, noroshi_ledger::tree::empty_root());
    let note = signer().sign(&other.to_string()).unwrap();
    assert_eq!(with(note.into_bytes()), (Rule::Origin, None));
    let note = signer().sign("three\nwords\nonly\n").unwrap();
    assert_eq!(with(note.into_bytes()), (Rule::CheckpointText, None));
    assert_eq!(with(b"hello".to_vec()), (Rule::CheckpointText, None));
    assert_eq!(with(vec![b'x'; 200_000]), (Rule::CheckpointText, None));
    let huge = Checkpoint::new(ORIGIN, 1 << 62, digest("root"));
    let note = signer().sign(&huge.to_string()).unwrap();
    assert_eq!(with(note.into_bytes()), (Rule::FileMissing, Some(0)));
}

#[test]
fn history_is_kept() {
    let log = good_day();
    let with = |earlier: Checkpoint, shelf: &Shelf| {
        let options = Options { key: signer().vkey(), earlier: Some(earlier) };
        verify(&mut shelf.clone(), &options)
    };
    for size in 0..=15 {
        let history = with(log.checkpoint(size), &log.shelf()).unwrap().history;
        let from = size as u64;
        let wanted = if size == 15 { History::Same } else { History::Extends { from } };
        assert_eq!(history, wanted);
    }
    let mut shorter = log.clone();
    shorter.entries.truncate(10);
    assert_eq!(lie(with(log.checkpoint(15), &shorter.shelf())), (Rule::Rollback, None));
    let mut fork = approved();
    for number in 0..20 {
        fork.push(Fact::IntakeDraft { report: format!("report-{number}") });
    }
    assert_eq!(
        with(log.checkpoint(6), &fork.shelf()).unwrap().history,
        History::Extends { from: 6 }
    );
    for size in 7..=15 {
        assert_eq!(lie(with(log.checkpoint(size), &fork.shelf())), (Rule::History, None));
    }
    fork.entries.truncate(15);
    assert_eq!(lie(with(log.checkpoint(15), &fork.shelf())), (Rule::History, None));
    let stranger = Checkpoint::new("other.example/log", 1, digest("root"));
    assert_eq!(lie(with(stranger, &log.shelf())), (Rule::Origin, None));
}

#[test]
fn a_disk_that_fails_is_no_lie() {
    struct Broken(Shelf);
    impl noroshi_ledger::verify::Source for Broken {
        fn read(&mut self, path: &str, max: usize) -> Result<Option<Vec<u8>>, SourceError> {
            if path == "checkpoint" {
                self.0.read(path, max)
            } else {
                Err(SourceError::Failed("I/O".to_owned()))
            }
        }
    }
    let answer = verify(&mut Broken(good_day().shelf()), &options());
    assert!(
        matches!(answer, Err(Refusal::Unreadable { path, .. }) if path == "tile/entries/000.p/15")
    );
}

#[test]
fn entries_that_are_no_leaves() {
    for wrong in [b"".to_vec(), b"{}".to_vec(), vec![b'x'; 4_097]] {
        let mut log = Log::opened();
        log.entries.push(wrong);
        last_lies(&log, Rule::Leaf);
    }
}

#[test]
fn kinds_of_tomorrow_are_counted_and_not_refused() {
    let mut log = Log::opened();
    log.push(Fact::Other(serde_json::from_str(r#"{"kind":"moon.phase","full":true}"#).unwrap()));
    let report = check(&log).unwrap();
    assert_eq!((report.not_understood, report.counts.len()), (1, 1));
}

#[test]
fn order() {
    let seen = || Fact::AccessView { subject: "case-1".to_owned(), purpose: "test".to_owned() };
    let mut log = Log::opened();
    let mut leaf = log.next(seen());
    leaf.sequence = 2;
    log.push_leaf(&leaf);
    last_lies(&log, Rule::EmitterSequence);

    let mut log = Log::opened();
    let mut leaf = log.next(seen());
    leaf.previous = Some(digest("another"));
    log.push_leaf(&leaf);
    last_lies(&log, Rule::EmitterChain);

    let mut log = Log::opened();
    let mut leaf = log.next(seen());
    leaf.emitter = "office-2".to_owned();
    log.push_leaf(&leaf);
    last_lies(&log, Rule::EmitterSequence);

    let mut log = Log::opened();
    let mut leaf = log.next(seen());
    leaf.time = "2026-11-22T23:59:59.999Z".to_owned();
    log.push_leaf(&leaf);
    last_lies(&log, Rule::Time);

    let mut log = Log::default();
    log.push(Fact::LogOpened { origin: "other.example/log".to_owned() });
    last_lies(&log, Rule::OpenedOrigin);
}

#[test]
fn execution_without_approval() {
    let mut log = Log::opened();
    log.push(begin("effect-1"));
    last_lies(&log, Rule::Approval);

    let mut log = Log::opened();
    log.push(requested("person-1"));
    log.push(begin("effect-1"));
    last_lies(&log, Rule::Approval);

    for field in ["measure", "request", "authorisation"] {
        let mut log = approved();
        let mut fact = begin("effect-1");
        if let Fact::MeasureExecuteBegin { measure, request, authorisation, .. } = &mut fact {
            match field {
                "measure" => "measure-2".clone_into(measure),
                "request" => *request = digest("another"),
                _ => *authorisation = digest("another"),
            }
        }
        log.push(fact);
        last_lies(&log, Rule::Approval);
    }

    let mut log = Log::opened();
    log.push(requested("person-1"));
    for member in ["member-1", "member-2", "member-3"] {
        log.push(vote(member, Refuse));
    }
    log.push(decided(Outcome::Refused, 3, 0, 3));
    log.push(begin("effect-1"));
    last_lies(&log, Rule::Approval);
}

#[test]
fn the_requester_does_not_vote() {
    let mut log = Log::opened();
    log.push(requested("person-1"));
    log.push(vote("person-1", Approve));
    last_lies(&log, Rule::RequesterVoted);

    let mut log = Log::opened();
    log.push(requested("person-1"));
    log.push(vote("person-2", Approve));
    log.push(requested("person-2"));
    last_lies(&log, Rule::RequesterVoted);
}

#[test]
fn approvals_need_votes() {
    let after_votes = |votes: &[(&str, Choice)], decision: Fact| {
        let mut log = Log::opened();
        log.push(requested("person-1"));
        for (member, choice) in votes {
            log.push(vote(member, *choice));
        }
        log.push(decision);
        log
    };
    let two = [("member-1", Approve), ("member-2", Approve)];
    last_lies(&after_votes(&two, decided(Outcome::Approved, 2, 2, 0)), Rule::Quorum);
    last_lies(&after_votes(&two, decided(Outcome::Approved, 3, 3, 0)), Rule::Votes);
    // One member voting three times is one vote.
    let same = [("member-1", Approve); 3];
    last_lies(&after_votes(&same, decided(Outcome::Approved, 3, 3, 0)), Rule::Votes);
    // The last vote of a member counts.
    let changed =
        [("member-1", Approve), ("member-2", Approve), ("member-3", Approve), ("member-3", Refuse)];
    last_lies(&after_votes(&changed, decided(Outcome::Approved, 3, 3, 0)), Rule::Votes);
    // Three for and four against is no approval, whatever the quorum.
    let outvoted = [
        ("member-1", Approve),
        ("member-2", Approve),
        ("member-3", Approve),
        ("member-4", Refuse),
        ("member-5", Refuse),
        ("member-6", Refuse),
        ("member-7", Refuse),
    ];
    last_lies(&after_votes(&outvoted, decided(Outcome::Approved, 3, 3, 4)), Rule::Votes);
    let three = [("member-1", Approve), ("member-2", Approve), ("member-3", Approve)];
    last_lies(&after_votes(&three, decided(Outcome::Approved, 3, 4, 0)), Rule::Count);
    last_lies(&after_votes(&two, decided(Outcome::Refused, 3, 2, 1)), Rule::Count);
    check(&after_votes(&three, decided(Outcome::Approved, 3, 3, 0))).unwrap();
}

#[test]
fn votes_for_another_request_do_not_count() {
    let mut log = Log::opened();
    log.push(requested("person-1"));
    log.push(Fact::MeasureRequested {
        measure: "measure-1".to_owned(),
        request: digest("another"),
        requester: "person-1".to_owned(),
    });
    for member in ["member-1", "member-2", "member-3"] {
        log.push(Fact::MeasureVote {
            measure: "measure-1".to_owned(),
            request: digest("another"),
            member: member.to_owned(),
            choice: Approve,
        });
    }
    log.push(decided(Outcome::Approved, 3, 3, 0));
    last_lies(&log, Rule::Votes);
}

#[test]
fn votes_after_the_decision_come_too_late() {
    let mut log = Log::opened();
    log.push(requested("person-1"));
    let decision = log.push(decided(Outcome::Approved, 3, 3, 0));
    for member in ["member-1", "member-2", "member-3"] {
        log.push(vote(member, Approve));
    }
    assert_eq!(lie(check(&log)), (Rule::Votes, Some(decision)));
}

#[test]
fn votes_and_decisions_belong_to_a_request() {
    let mut log = Log::opened();
    log.push(vote("member-1", Approve));
    last_lies(&log, Rule::Request);
    let mut log = Log::opened();
    log.push(decided(Outcome::Refused, 3, 0, 0));
    last_lies(&log, Rule::Request);
}

#[test]
fn the_window_holds() {
    for (minute, inside) in [(4, false), (5, true), (120, true), (121, false)] {
        let mut log = Log::opened();
        log.push(requested("person-1"));
        for member in ["member-1", "member-2", "member-3"] {
            let mut leaf = log.next(vote(member, Approve));
            leaf.time = "2026-11-23T00:01:00.000Z".to_owned();
            log.push_leaf(&leaf);
        }
        let mut leaf = log.next(decided(Outcome::Approved, 3, 3, 0));
        leaf.time = "2026-11-23T00:01:00.000Z".to_owned();
        log.push_leaf(&leaf);
        log.wait_until(minute);
        log.push(begin("effect-1"));
        if inside {
            check(&log).unwrap();
        } else {
            last_lies(&log, Rule::Window);
        }
    }
}

#[test]
fn a_later_refusal_takes_the_approval_back() {
    let mut log = approved();
    log.push(begin("effect-1"));
    log.push(vote("member-1", Refuse));
    log.push(decided(Outcome::Refused, 3, 2, 1));
    check(&log).unwrap();
    let mut after = log.clone();
    after.push(begin("effect-2"));
    last_lies(&after, Rule::Refused);
    log.push(vote("member-1", Approve));
    log.push(decided(Outcome::Approved, 3, 3, 0));
    log.push(begin("effect-2"));
    check(&log).unwrap();
}

#[test]
fn effects_begin_and_end_once() {
    let mut log = approved();
    log.push(end("effect-1", Execution::Active));
    last_lies(&log, Rule::NeverBegan);

    let mut log = approved();
    log.push(ended("effect-1", EndCause::RolledBack));
    last_lies(&log, Rule::NeverBegan);

    let mut log = approved();
    log.push(begin("effect-1"));
    log.push(end("effect-1", Execution::Failed));
    log.push(begin("effect-1"));
    log.push(end("effect-1", Execution::Active));
    log.push(ended("effect-1", EndCause::RolledBack));
    check(&log).unwrap();
    let mut twice = log.clone();
    twice.push(ended("effect-1", EndCause::Expired));
    last_lies(&twice, Rule::EndedTwice);
    let mut back = log.clone();
    back.push(end("effect-1", Execution::Active));
    last_lies(&back, Rule::AfterEnd);
    log.push(begin("effect-1"));
    last_lies(&log, Rule::AfterEnd);
}

#[test]
fn what_is_still_open_is_reported() {
    let mut log = approved();
    log.push(begin("effect-1"));
    log.push(begin("effect-2"));
    log.push(end("effect-2", Execution::Active));
    let effects = check(&log).unwrap().measures["measure-1"].effects.clone();
    assert_eq!(
        (effects["effect-1"].state, effects["effect-1"].overdue),
        (EffectState::Begun, false)
    );
    assert_eq!(effects["effect-2"].state, EffectState::Active);
    log.wait_until(121);
    log.push(Fact::IntakeDraft { report: "report-1".to_owned() });
    let effects = check(&log).unwrap().measures["measure-1"].effects.clone();
    assert!(effects.values().all(|effect| effect.overdue));
}

#[test]
fn certificates_balance_and_follow_each_other() {
    for field in ["seen", "kept", "unmatched", "direction", "content", "errors"] {
        let mut json = serde_json::to_value(batch(0, None)).unwrap();
        json[field] = (json[field].as_u64().unwrap() + 1).into();
        let mut log = Log::opened();
        log.push(serde_json::from_value(json).unwrap());
        last_lies(&log, Rule::Balance);
    }
    let with = |second: Fact| {
        let mut log = Log::opened();
        log.push(batch(0, None));
        log.push(second);
        log
    };
    last_lies(&with(batch(2, Some("certificate 0"))), Rule::SensorSequence);
    last_lies(&with(batch(0, Some("certificate 0"))), Rule::SensorSequence);
    last_lies(&with(batch(1, None)), Rule::SensorChain);
    last_lies(&with(batch(1, Some("certificate 9"))), Rule::SensorChain);
    for (sequence, previous, rule) in [
        (2, None, Some(Rule::SensorSequence)),
        (0, Some("certificate 9"), Some(Rule::SensorChain)),
        (1, None, None),
    ] {
        let mut log = Log::opened();
        log.push(batch(sequence, previous));
        match rule {
            Some(rule) => last_lies(&log, rule),
            None => assert_eq!(check(&log).unwrap().size, 2),
        }
    }
}

#[test]
fn selected_information_stays_inside() {
    for (audience, selected, secret, allowed) in [
        ("partner:ally.example", true, false, false),
        ("partner:ally.example", false, true, false),
        ("Partner:ally.example", true, false, false),
        ("public", true, false, false),
        ("public", false, true, false),
        ("public", false, false, true),
        ("partner:ally.example", false, false, true),
        ("organ:police.example", true, true, true),
        ("national:org-1", true, false, true),
        ("council", true, false, false),
        ("council", false, true, true),
        ("operators", true, false, false),
        ("operators:water", false, true, false),
        ("operator:org-1", true, false, false),
        ("supplier:org-1", true, false, false),
    ] {
        let mut log = Log::opened();
        log.push(release(audience, selected, secret));
        if allowed {
            check(&log).unwrap();
        } else {
            last_lies(&log, Rule::Release);
        }
    }
}

fn review(step: &str, reviewer: &str) -> Fact {
    Fact::ShareReview {
        review: "review-1".to_owned(),
        object: noroshi_ledger::digest::Digest::of(b"version"),
        step: step.to_owned(),
        reviewer: reviewer.to_owned(),
    }
}

fn reviewed() -> Fact {
    let mut fact = release("partner:ally.example", false, false);
    if let Fact::ShareRelease { reviews, .. } = &mut fact {
        reviews.push("review-1".to_owned());
    }
    fact
}

const STEPS: [(&str, &str); 5] = [
    ("draft", "a"),
    ("provenance_checked", "a"),
    ("secret_checked", "b"),
    ("rights_checked", "c"),
    ("released", "c"),
];

#[test]
fn what_a_review_cleared_was_checked_by_two_people_step_by_step() {
    let with = |steps: &[(&str, &str)]| {
        let mut log = Log::opened();
        for (step, person) in steps {
            log.push(review(step, person));
        }
        log
    };
    let mut good = with(&STEPS);
    good.push(reviewed());
    check(&good).unwrap();
    // A release before the last step, or without any.
    for end in 0..STEPS.len() {
        let mut log = with(&STEPS[..end]);
        log.push(reviewed());
        last_lies(&log, Rule::Review);
    }
    // A step left out, taken twice, or after the end.
    for wrong in [vec![0, 2], vec![0, 1, 1], vec![1], vec![0, 1, 2, 3, 4, 4]] {
        let steps: Vec<(&str, &str)> = wrong.iter().map(|at| STEPS[*at]).collect();
        last_lies(&with(&steps), Rule::Review);
    }
    // One person cannot be both.
    for (at, person) in [(2, "a"), (4, "a")] {
        let mut steps = STEPS;
        steps[at].1 = person;
        let mut log = with(&steps);
        log.push(reviewed());
        last_lies(&log, Rule::Review);
    }
    let mut refused = with(&[STEPS[0], STEPS[1], ("refused", "b")]);
    refused.push(review("secret_checked", "b"));
    last_lies(&refused, Rule::Review);
}

#[test]
fn only_what_was_recalled_is_acknowledged() {
    let mut log = Log::opened();
    log.push(Fact::ShareRecall {
        recall: "recall-1".to_owned(),
        recall_kind: "recall".to_owned(),
        recipients: 2,
    });
    log.push(Fact::ShareAcknowledge { recall: "recall-1".to_owned() });
    check(&log).unwrap();
    log.push(Fact::ShareAcknowledge { recall: "recall-2".to_owned() });
    last_lies(&log, Rule::Recall);
}
