//! What the matcher must find, what it must leave alone, and what may come in.

use proptest::prelude::*;

use super::*;

const LIST: &str = "domain\treadings\tdeclared\tkind\tflags
mofa.go.jp\t外務省;がいむしょう\tmofa.example\tministry\t
asahi.com\t朝日新聞;あさひしんぶん;asahishimbun\tasahi.co.jp\tnewspaper\t
yomiuri.co.jp\t読売新聞;よみうり\t\tnewspaper\t
nhk.or.jp\tエヌエイチケー\tnhk.jp\tbroadcaster\t
jiji.com\t\t\tagency\t
t-online.example\t\t\tportal\t
kawaraban.example\tかわら版;データバンク\tkawaraban.test\tpress\t
pref.osaka.lg.jp\t\tpref.osaka.jp\tprefecture\t
digital.go.jp\tデジタル庁\t\tministry\tgeneric
kyodonews.jp\t共同通信\t\tagency\t
";

fn matcher() -> Matcher {
    let (list, problems) = Watchlist::parse(LIST);
    assert_eq!(problems, []);
    Matcher::new(list, Options::default())
}

/// What is wrong with the answer for a candidate, if anything.
fn check(candidate: &str, rule: Rule, protected: &str) -> Option<String> {
    let outcome = matcher().judge(candidate);
    let right = matches!(&outcome, Outcome::Hit(hit)
        if hit.rule == rule && hit.protected.as_deref() == Some(protected));
    (!right).then(|| format!("`{candidate}` is not {}: {outcome:?}", rule.code()))
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let wrong: Vec<String> = [
        ("mofa.lg.jp", Rule::TldSwap, "mofa.go.jp"),
        ("mofa.co.jp", Rule::TldSwap, "mofa.go.jp"),
        ("yomiuri[.]top", Rule::TldSwap, "yomiuri.co.jp"),
        ("tonline.life", Rule::Hyphenation, "t-online.example"),
        ("pref-osaka.com", Rule::TldSwap, "pref.osaka.lg.jp"),
        ("mofago.jp", Rule::DotOmission, "mofa.go.jp"),
        ("mofagojp.com", Rule::DotOmission, "mofa.go.jp"),
        ("mofa-go-jp.com", Rule::DotOmission, "mofa.go.jp"),
        ("wwwmofa.lg.jp", Rule::DotOmission, "mofa.go.jp"),
        ("asah1.com", Rule::Visual, "asahi.com"),
        ("kavvaraban.cc", Rule::Visual, "kawaraban.example"),
        ("аsаhi.com", Rule::Visual, "asahi.com"),
        ("朝日新聞.com", Rule::Reading, "asahi.com"),
        ("朝曰新聞.jp", Rule::Visual, "asahi.com"),
        ("朝日新闻.com", Rule::Visual, "asahi.com"),
        ("讀売新聞.jp", Rule::Visual, "yomiuri.co.jp"),
        ("アサヒシンブン.jp", Rule::Reading, "asahi.com"),
        ("asahishinbun.com", Rule::Reading, "asahi.com"),
        ("gaimushou.com", Rule::Reading, "mofa.go.jp"),
        ("jijii.com", Rule::ShortRepeat, "jiji.com"),
        ("yomiurii.beauty", Rule::Edit1, "yomiuri.co.jp"),
        ("kawarbaan.cc", Rule::Edit1, "kawaraban.example"),
        ("kawardban.cc", Rule::Edit1, "kawaraban.example"),
        ("kewareban.cc", Rule::Edit2, "kawaraban.example"),
        ("nhknews.net", Rule::MediaCombo, "nhk.or.jp"),
        ("yomiuridaily.com", Rule::MediaCombo, "yomiuri.co.jp"),
        ("asahitidings.com", Rule::MediaCombo, "asahi.com"),
        ("mofa-hojokin.com", Rule::Combosquat, "mofa.go.jp"),
        ("login-yomiuri.com", Rule::Combosquat, "yomiuri.co.jp"),
        ("読売新聞ログイン.jp", Rule::Combosquat, "yomiuri.co.jp"),
        ("yomiuri-de.com", Rule::TokenCombo, "yomiuri.co.jp"),
        ("yomiuri-qxzk.com", Rule::TokenEmbed, "yomiuri.co.jp"),
        ("mofa.go.jp.evil.example", Rule::SubEmbed, "mofa.go.jp"),
        ("wwwmofa.go.jp.example", Rule::SubEmbed, "mofa.go.jp"),
        ("www-mofa-go-jp.evil.example", Rule::SubEmbed, "mofa.go.jp"),
        ("yomiuri.evil.example", Rule::SubEmbed, "yomiuri.co.jp"),
    ]
    .into_iter()
    .filter_map(|(candidate, rule, protected)| check(candidate, rule, protected))
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_needs_no_protected_name_names_none() {
    for (candidate, rule) in [
        ("shinsei-go-jp.com", Rule::GovEmbed),
        ("hojokin.go.jp.evil.example", Rule::GovEmbed),
        ("раypalл.com", Rule::IdnMixed),
        ("大エ業.jp", Rule::IdnMixed),
    ] {
        let outcome = matcher().judge(candidate);
        let Outcome::Hit(hit) = &outcome else { panic!("`{candidate}`: {outcome:?}") };
        assert_eq!((hit.rule, hit.protected.as_deref()), (rule, None));
    }
}

#[test]
fn what_differs_is_said_as_data() {
    let hit = |candidate| match matcher().judge(candidate) {
        Outcome::Hit(hit) => *hit,
        other => panic!("`{candidate}`: {other:?}"),
    };
    let swapped = hit("mofa.lg.jp");
    assert_eq!(
        swapped.suffix,
        Some(SuffixChange {
            protected: "go.jp".into(),
            candidate: "lg.jp".into(),
            second_level: true
        })
    );
    let kinds = |candidate| match hit(candidate).difference {
        Difference::Edits(edits) => edits.into_iter().map(|edit| (edit.kind, edit.at)).collect(),
        other => panic!("{other:?}"),
    };
    let one: Vec<(EditKind, usize)> = kinds("kawarabqn.cc");
    assert_eq!(one, [(EditKind::Keyboard, 7)]);
    assert_eq!(kinds("kawarabcn.cc"), [(EditKind::Bit, 7)]);
    assert_eq!(kinds("kawaarban.cc"), [(EditKind::Swapped, 4)]);
    assert_eq!(kinds("kawarabann.cc"), [(EditKind::Doubled, 8)]);
    assert_eq!(kinds("kwaraban.cc"), [(EditKind::Left, 1)]);
    assert_eq!(hit("朝曰新聞.jp").difference, Difference::Looks(vec![(1, '日', '曰')]));
    assert_eq!(
        hit("nhknews.net").difference,
        Difference::Words(vec![("news".into(), WordClass::Media)])
    );
}

#[test]
fn what_is_owned_or_declared_is_never_flagged() {
    let (list, _) = Watchlist::parse(LIST);
    let open = Options { score_percent_min: 0, ..Options::default() };
    for matcher in [matcher(), Matcher::new(list, open)] {
        for own in [
            "mofa.go.jp",
            "www.mofa.go.jp",
            "a.b.mofa.go.jp.",
            "MOFA.GO.JP",
            "mofa.example",
            "login.mofa.example",
            "asahi.co.jp",
            "https://www.asahi.com/x?y",
            "pref.osaka.jp",
            "www.pref.osaka.lg.jp",
            "ｎｈｋ.or.jp",
            "*.nhk.jp",
            "kawaraban.test",
            "xn--nhk.nhk.jp",
        ] {
            let outcome = matcher.judge(own);
            let owned =
                outcome == Outcome::Owned || matches!(outcome, Outcome::Refused(Refused::Idna));
            assert!(owned, "`{own}`: {outcome:?}");
        }
    }
    // The shipped list holds for every name on it.
    let japan = Watchlist::japan();
    let names: Vec<String> = japan
        .entries()
        .iter()
        .flat_map(|entry| {
            [entry.host.clone(), entry.registrable.clone()]
                .into_iter()
                .chain(entry.declared.clone())
        })
        .collect();
    let matcher = Matcher::new(japan, Options { score_percent_min: 0, ..Options::default() });
    for name in names {
        assert_eq!(matcher.judge(&format!("www.{name}")), Outcome::Owned, "{name}");
    }
}

/// An owner's platform is not its owner's word: below a public suffix others register.
#[test]
fn below_a_protected_public_suffix_imitations_are_found() {
    let text = "domain\nhatenablog.com\nmofa.go.jp\nasahi.com\n";
    let (mut list, problems) = Watchlist::parse(text);
    assert_eq!(problems, []);
    let (other, _) = Watchlist::parse("github.io");
    list.extend(other);
    let matcher = Matcher::new(list, Options::default());
    for own in ["hatenablog.com", "www.hatenablog.com", "github.io", "x.asahi.com"] {
        assert_eq!(matcher.judge(own), Outcome::Owned, "{own}");
    }
    for (candidate, protected) in [
        ("mofa-go-jp.hatenablog.com", "mofa.go.jp"),
        ("mofa-go-jp.github.io", "mofa.go.jp"),
        ("asahi.hatenablog.com", "asahi.com"),
        ("hatenabl0g.com", "hatenablog.com"),
    ] {
        let outcome = matcher.judge(candidate);
        let right =
            matches!(&outcome, Outcome::Hit(hit) if hit.protected.as_deref() == Some(protected));
        assert!(right, "{candidate}: {outcome:?}");
    }
    for honest in ["kiln-diary.hatenablog.com", "kiln.github.io"] {
        assert_eq!(matcher.judge(honest), Outcome::Unlike, "{honest}");
    }
}

/// Only the state registers under its closed suffix: what is like another of its names there is shown and not reported.
#[test]
fn what_only_the_own_state_can_register_is_shown_and_not_reported() {
    let (list, _) = Watchlist::parse("soumu.go.jp\nharbour.gov.uk\n");
    let matcher = Matcher::new(list, Options::default());
    let mut tally = Tally::default();
    for (candidate, protected) in
        [("souma.go.jp", "soumu.go.jp"), ("habour.gov.uk", "harbour.gov.uk")]
    {
        let outcome = matcher.judge(candidate);
        tally.count(&outcome);
        let right =
            matches!(&outcome, Outcome::Closed(hit) if hit.protected.as_deref() == Some(protected));
        assert!(right, "{candidate}: {outcome:?}");
    }
    assert_eq!((tally.closed, tally.total(), tally.hits.len()), (2, 2, 0));
    // Elsewhere anybody can.
    for candidate in ["souma.jp", "soumu.lg.jp", "soumu-go-jp.com", "souma.go.jp.evil.example"] {
        assert!(!matches!(matcher.judge(candidate), Outcome::Closed(_)), "{candidate}");
    }
    assert!(matches!(matcher.judge("soumu.lg.jp"), Outcome::Hit(_)));
}

#[test]
fn honest_neighbours_are_left_alone() {
    let matcher = matcher();
    let flagged: Vec<String> = [
        "asahikawa.example",
        "example.com",
        "mangojp.com",
        "delhi.example",
        "tokyo.jp",
        "city.kobe.lg.jp",
        "kokusai-denki.co.jp",
        "日本語.jp",
        "東京タワー.jp",
        "bücher.example",
        "news.example",
        "xn--fiqs8s.example",
    ]
    .into_iter()
    .map(|other| format!("{other}: {:?}", matcher.judge(other)))
    .filter(|answer| !answer.ends_with("Unlike"))
    .collect();
    assert!(flagged.is_empty(), "{}", flagged.join("\n"));
}

#[test]
fn hostile_lines_are_answered_with_a_counted_reason() {
    let long_label = "a".repeat(64);
    let long_name = "abc.".repeat(80) + "example";
    let matcher = matcher();
    let mut tally = Tally::default();
    let cases: Vec<(String, Refused)> = vec![
        (String::new(), Refused::Empty),
        ("   ".into(), Refused::Empty),
        ("...".into(), Refused::Empty),
        (format!("{long_label}.example"), Refused::LabelTooLong),
        (long_name, Refused::TooLong),
        ("x".repeat(5000), Refused::TooLong),
        ("a..example".into(), Refused::EmptyLabel),
        (".example.com".into(), Refused::EmptyLabel),
        ("192.0.2.1".into(), Refused::Address),
        ("2001:db8::1".into(), Refused::Address),
        ("http://[2001:db8::1]:80/".into(), Refused::Address),
        ("1.2.3.4.5".into(), Refused::Address),
        ("mofa go.example".into(), Refused::Character),
        ("a$b.example".into(), Refused::Character),
        ("xn--a.example".into(), Refused::Idna),
        ("xn--\u{7f}.example".into(), Refused::Idna),
        ("\u{5d0}a.example".into(), Refused::Idna),
        ("example".into(), Refused::Suffix),
    ];
    for (line, reason) in &cases {
        let outcome = matcher.judge(line);
        tally.count(&outcome);
        let shown: String = line.chars().take(40).collect();
        assert_eq!(outcome, Outcome::Refused(*reason), "{shown}");
    }
    for fine in [
        "💩.example",
        "\u{5d0}\u{5d1}.example",
        "アイウабв漢.example",
        "_dmarc.example.org",
        "a.example.",
        "com.example",
        "co.jp",
    ] {
        let outcome = matcher.judge(fine);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{fine}: {outcome:?}");
        tally.count(&outcome);
    }
    assert_eq!(tally.total(), 25);
    assert_eq!(tally.refused.values().sum::<u64>(), 18);
}

#[test]
fn a_popular_name_is_passed_over_and_shown_unless_it_is_young() {
    let (list, _) = Watchlist::parse(LIST);
    let popular = [("yomiuri.top".to_owned(), 17)].into();
    let matcher = Matcher::new(list, Options { popular, ..Options::default() });
    assert!(matches!(matcher.judge("www.yomiuri.top"), Outcome::Popular { rank: 17, .. }));
    assert!(matches!(matcher.judge_aged("yomiuri.top", Some(30)), Outcome::Hit(_)));
    assert!(matches!(matcher.judge("yomiuri.icu"), Outcome::Hit(_)));
}

#[test]
fn a_bad_line_of_a_list_costs_itself() {
    let (list, problems) = Watchlist::parse(
        "\u{feff}domain,readings,owned,kind\r\n\"kawaraban.example\",\"かわら版;kawara\",other.test,press\r\n192.0.2.1\r\n\
         kawaraban.example\r\nb.example,,co.jp\r\n# words\r\n",
    );
    let kinds: Vec<(usize, ProblemKind)> =
        problems.into_iter().map(|one| (one.line, one.kind)).collect();
    assert_eq!(
        kinds,
        [
            (3, ProblemKind::Name { text: "192.0.2.1".into(), reason: Refused::Address }),
            (4, ProblemKind::Again("kawaraban.example".into())),
            (5, ProblemKind::PublicSuffix("co.jp".into())),
        ]
    );
    assert_eq!(list.entries().len(), 2);
    assert_eq!(list.entries()[0].readings, ["かわら版", "kawara"]);
    assert!(list.owns(&Name::parse("x.other.test").unwrap()));
    let (_, problems) = Watchlist::parse("kind\treadings\npress\tx\n");
    assert_eq!(problems[0].kind, ProblemKind::Header);
}

#[test]
fn the_shipped_list_has_no_problem() {
    let (list, problems) = Watchlist::parse(include_str!("../../data/watchlist-ja.tsv"));
    assert_eq!(problems, []);
    assert!(list.entries().len() > 150, "{}", list.entries().len());
}

#[test]
fn the_tables_are_whole() {
    let mut seen = std::collections::BTreeMap::new();
    let mut rows = 0;
    for (prototype, members, weight) in table::rows() {
        assert!((50..=100).contains(&weight), "{prototype}");
        for one in members.chars().chain([prototype]) {
            assert_eq!(seen.insert(one, prototype), None, "`{one}` stands twice");
        }
        rows += 1;
    }
    let lines = include_str!("../../data/ja-confusables.tsv").lines();
    assert_eq!(rows, lines.filter(|line| !line.starts_with('#') && !line.is_empty()).count());
    // The pairs of the specification that UTS #39 lacks.
    for (one, other) in [
        ("シ", "ツ"),
        ("ソ", "ン"),
        ("ノ", "丿"),
        ("リ", "り"),
        ("べ", "ベ"),
        ("ぺ", "ペ"),
        ("へ", "ヘ"),
        ("セ", "七"),
        ("チ", "千"),
        ("オ", "才"),
        ("ヒ", "匕"),
        ("ム", "厶"),
        ("ミ", "三"),
        ("ヌ", "又"),
        ("メ", "〆"),
        ("ヨ", "彐"),
        ("ワ", "ク"),
        ("コ", "ユ"),
        ("口", "囗"),
        ("口", "ロ"),
        ("土", "士"),
        ("未", "末"),
        ("日", "曰"),
        ("己", "已"),
        ("夭", "天"),
        ("大", "太"),
        ("人", "入"),
        ("戊", "戌"),
        ("干", "于"),
        ("売", "賣"),
        ("国", "國"),
        ("沢", "澤"),
        ("ッ", "ツ"),
        ("ャ", "ヤ"),
        ("ー", "一"),
        ("聞", "闻"),
        ("報", "报"),
        ("産", "产"),
        ("門", "门"),
        ("エ", "工"),
        ("カ", "力"),
        ("タ", "夕"),
        ("ト", "卜"),
        ("ニ", "二"),
        ("ハ", "八"),
    ] {
        let same = fold::skeleton(one) == fold::skeleton(other);
        let known_apart = matches!((one, other), ("ッ", "ツ") | ("ャ", "ヤ"));
        assert!(same || known_apart, "{one} {other}");
    }
}

/// Of three `n` nobody can say which two were an `m`.
#[test]
fn of_letters_in_a_row_it_does_not_matter_which_are_read_as_one() {
    for (one, other) in
        [("aaanma", "aaannna"), ("rmn", "rnnn"), ("vwv", "vvw"), ("arrnb", "annnb"), ("ac1", "ad")]
    {
        assert_eq!(fold::skeleton(one), fold::skeleton(other), "{one} {other}");
    }
    for (one, other) in [("kana", "kama"), ("vita", "wita"), ("arna", "ana")] {
        assert_ne!(fold::skeleton(one), fold::skeleton(other), "{one} {other}");
    }
    generated_names_are_found("aaanma.example");
}

#[test]
fn one_sound_has_one_spelling() {
    for (one, other) in [
        ("shimbun", "sinbun"),
        ("shinbun", "シンブン"),
        ("tsushin", "つうしん"),
        ("fujisan", "huzisan"),
        ("ōsaka", "oosaka"),
        ("tokyo", "toukyou"),
        ("ohtani", "otani"),
        ("chōsa", "ちょうさ"),
        ("nippon", "ニッポン"),
        ("jaanaru", "ジャーナル"),
    ] {
        assert_eq!(fold::sound(one), fold::sound(other), "{one} {other}");
    }
    assert_eq!(fold::sound("漢字"), None);
}

/// Osa distance by its definition, without the traceback.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let cost = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (d[i - 1][j] + 1).min(d[i][j - 1] + 1).min(d[i - 1][j - 1] + cost);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(d[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    d[a.len()][b.len()]
}

/// Why a generated name may be found by no rule; whatever else is generated must be found.
fn excepted(protected: &Protected, candidate: &Candidate) -> bool {
    let short = fold::plain(&protected.label).chars().count() < edit::EDIT1_CHARACTERS_MIN;
    let changes_letters = matches!(
        candidate.technique,
        Technique::Bit
            | Technique::Keyboard
            | Technique::Omission
            | Technique::Repetition
            | Technique::Transposition
            | Technique::VowelSwap
            | Technique::Addition
    );
    // 1. One letter of a label of fewer than five is another name of another body more often than not.
    let one = changes_letters && (short || protected.generic);
    let label =
        Name::parse(&candidate.host).map(|name| name.label().to_owned()).unwrap_or_default();
    // 2. A first letter changed in a label of five, and what is left of one after a letter is taken out of five.
    let first = label.chars().next() != protected.label.chars().next();
    let two = changes_letters
        && (first || candidate.technique == Technique::Omission)
        && fold::plain(&protected.label).chars().count() < 6;
    // 3. What a change makes a word or a place.
    let three = words::class_of(&fold::plain(&label)).is_some();
    // 4. A name of two or three letters, or an everyday word, grown together with a word.
    let four = candidate.technique == Technique::Combosquat && (short || protected.generic);
    one || two || three || four
}

fn generated_names_are_found(protected_text: &str) {
    let (list, problems) = Watchlist::parse(protected_text);
    assert_eq!(problems, []);
    let protected = list.entries()[0].clone();
    let made = generate(&protected, &GenerateOptions::default());
    let matcher = Matcher::new(list, Options::default());
    let missed: Vec<(&str, &str, Technique)> = made
        .candidates
        .iter()
        .filter(|one| {
            let outcome = matcher.judge(&one.host);
            // Nobody but the state itself registers the ones under its closed suffix.
            let found = matches!(outcome, Outcome::Hit(_) | Outcome::Closed(_));
            !found && !excepted(&protected, one)
        })
        .map(|one| (one.host.as_str(), one.unicode.as_str(), one.technique))
        .collect();
    assert!(
        missed.is_empty(),
        "{} of {} missed: {:?}",
        missed.len(),
        made.candidates.len(),
        &missed[..missed.len().min(12)]
    );
    assert!(made.candidates.len() > 1_000, "{}", made.candidates.len());
}

#[test]
fn what_is_generated_is_found() {
    for list in [
        "domain\treadings\nkawaraban.example\tかわら版;データバンク;瓦版新聞",
        "yomiuri.co.jp",
        "mofa.go.jp",
        "domain\treadings\nasahi.com\t朝日新聞;あさひしんぶん",
        "tokyo-np.co.jp",
        "pref.osaka.lg.jp",
        "nhk.or.jp",
        "朝日新聞.jp",
    ] {
        generated_names_are_found(list);
    }
}

#[test]
fn generation_is_bounded_sorted_and_leaves_out_what_is_owned() {
    let (list, _) =
        Watchlist::parse("domain\tdeclared\nkawaraban.example\tkawaraban.com;kawarabann.example");
    let protected = &list.entries()[0];
    let made = generate(protected, &GenerateOptions { most: 500, ..GenerateOptions::default() });
    assert_eq!(made.candidates.len(), 500);
    assert!(made.cut > 500);
    let all = generate(protected, &GenerateOptions::default());
    assert!(all.candidates.is_sorted());
    let hosts: std::collections::BTreeSet<&str> =
        all.candidates.iter().map(|one| one.host.as_str()).collect();
    assert_eq!(hosts.len(), all.candidates.len(), "each once");
    for own in ["kawaraban.example", "kawaraban.com", "kawarabann.example"] {
        assert!(!hosts.contains(own), "{own}");
    }
    assert_eq!(generate(protected, &GenerateOptions::default()), all);
}

#[test]
fn cells_are_no_formulas() {
    let (list, _) = Watchlist::parse("kawaraban.example");
    let matcher = Matcher::new(list, Options::default());
    let Outcome::Hit(mut hit) = matcher.judge("kawaraban.test") else { panic!() };
    hit.host = "=HYPERLINK(\"x\",\"y\")".into();
    let text = csv_hits([hit.as_ref()]);
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains("\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""), "{text}");
}

#[test]
fn families_are_found_and_each_says_its_members() {
    let day = |host: &str, day: i64, part: &str| Seen {
        host: host.into(),
        registered_day: Some(day),
        group: None,
        parts: if part.is_empty() { Vec::new() } else { vec![part.into()] },
    };
    let mut seen = vec![
        day("kawarix.online", 100, "ip 192.0.2.1"),
        day("kawarix.site", 101, "ip 192.0.2.1"),
        day("kawarix.fun", 102, "ns a.example"),
        day("kawrixa.fun", 100, "ns a.example"),
        day("kawirax.pw", 100, ""),
        day("kawarix.top", 400, ""),
        day("192.0.2.7", 1, ""),
    ];
    for place in
        ["sendai", "nagoya", "kobe", "sapporo", "aomori", "iwate", "akita", "chiba", "unknown"]
    {
        seen.push(day(&format!("{place}shimbun.com"), 5, ""));
    }
    for lone in 0..40 {
        seen.push(day(&format!("x{lone}q{lone}z.example"), lone * 30, ""));
    }
    let found = families(&seen, &FamilyOptions::default());
    assert_eq!(found.same_label, [SameLabel { label: "kawarix".into(), members: vec![0, 1, 2] }]);
    assert_eq!(found.variants.len(), 1);
    assert_eq!(found.variants[0].labels, ["kawarix", "kawirax", "kawrixa"]);
    assert_eq!(found.components.len(), 2);
    assert_eq!(found.refused.get(&Refused::Address), Some(&1));
    assert!(
        found.bursts.iter().any(|burst| burst.first_day == 5 && burst.members.len() == 9),
        "{:?}",
        found.bursts
    );
    let shimbun = found.templates.iter().find(|one| one.pattern == "{place}shimbun").unwrap();
    assert_eq!(shimbun.members.len(), 9);
    assert_eq!(shimbun.known_percent, 88);
}

#[test]
fn a_list_without_families_has_none() {
    let seen: Vec<Seen> = (0..300_u64)
        .map(|number| {
            let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x55aa;
            let label: String = (0..9)
                .map(|_| {
                    mixed = mixed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    char::from(b'a' + u8::try_from((mixed >> 33) % 26).unwrap())
                })
                .collect();
            Seen {
                host: format!("{label}.example"),
                registered_day: Some(i64::try_from(number).unwrap()),
                ..Seen::default()
            }
        })
        .collect();
    let found = families(&seen, &FamilyOptions::default());
    assert_eq!(
        (found.same_label.len(), found.bursts.len(), found.templates.len(), found.components.len()),
        (0, 0, 0, 0)
    );
    assert_eq!(found.variants, []);
}

#[test]
fn a_part_everybody_shares_is_named_and_not_followed() {
    let seen: Vec<Seen> = (0..50)
        .map(|number| Seen {
            host: format!("a{number}.example"),
            parts: vec!["ns everybody.example".into()],
            ..Seen::default()
        })
        .collect();
    let found = families(&seen, &FamilyOptions { part_names_max: 10, ..FamilyOptions::default() });
    assert_eq!(found.components, []);
    assert_eq!(found.common_parts, ["ns everybody.example"]);
}

#[test]
fn context_is_a_sum_of_terms_one_can_see() {
    let facts = Facts {
        age_days: Some(3),
        page_marks_equal: Some(true),
        mail_absent: Some(false),
        ..Facts::default()
    };
    let terms = context_terms(&facts);
    assert_eq!(
        terms.iter().map(|term| term.kind).collect::<Vec<_>>(),
        [TermKind::Young, TermKind::PageMarks]
    );
    assert_eq!(context_percent(&terms), 35);
    assert_eq!(context_terms(&Facts::default()), []);
}

proptest! {
    #[test]
    fn nothing_panics_and_every_line_is_in_one_count(line in "\\PC{0,80}") {
        let matcher = matcher();
        let mut tally = Tally::default();
        tally.count(&matcher.judge(&line));
        prop_assert_eq!(tally.total(), 1);
    }

    #[test]
    fn nothing_panics_on_labels(labels in prop::collection::vec("[a-z0-9あ-んア-ンー一-十新聞報-]{0,20}", 1..6)) {
        let line = labels.join(".");
        let matcher = matcher();
        let (one, other) = (matcher.judge(&line), matcher.judge(&line));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn below_an_owned_name_nothing_is_flagged(sub in "[a-z0-9]{1,12}(\\.[a-z0-9]{1,12}){0,3}") {
        let matcher = matcher();
        for own in ["mofa.go.jp", "asahi.co.jp", "kawaraban.test"] {
            prop_assert_eq!(matcher.judge(&format!("{sub}.{own}")), Outcome::Owned);
        }
    }

    #[test]
    fn the_index_finds_what_comparing_finds(
        labels in prop::collection::vec("[abc]{5,11}", 1..20),
        asked in "[abc]{4,12}",
    ) {
        let near = edit::Near::new(labels.iter().cloned().zip(0..));
        let asked: Vec<char> = asked.chars().collect();
        let best = labels.iter().filter_map(|label| {
            let label: Vec<char> = label.chars().collect();
            let most = if label.len() >= edit::EDIT2_CHARACTERS_MIN { 2 } else { 1 };
            Some(distance(&label, &asked)).filter(|distance| *distance <= most)
        }).min();
        let found = near.find(&asked, &edit::Rolling::new(&asked));
        prop_assert_eq!(found.as_ref().map(|(_, edits)| edits.len()), best);
    }
}

proptest! {
    // Each case makes and judges about two thousand names.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_made_up_name_is_found_in_all_its_changes(label in "[a-z]{6,14}") {
        prop_assume!(words::class_of(&label).is_none());
        generated_names_are_found(&format!("{label}.example"));
    }
}
