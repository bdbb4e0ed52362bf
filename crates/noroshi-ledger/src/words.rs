//! Every sentence `noroshi-verify` can say, in Japanese and English, for a reader who is no engineer.

use std::str::FromStr;

use crate::verify::lie::{Named, Rule};

/// The language of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl FromStr for Lang {
    type Err = UnknownLang;

    /// Reads `ja`, `en` and the locale names of a system, `ja_JP.UTF-8`.
    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        match text.split(['_', '.', '-', '@']).next() {
            Some("ja") => Ok(Self::Ja),
            Some("en") => Ok(Self::En),
            _ => Err(UnknownLang),
        }
    }
}

/// Neither Japanese nor English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the languages are `ja` and `en`")]
pub struct UnknownLang;

/// A text in both languages. `{}` is replaced by values in the order in which they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    ja: &'static str,
    en: &'static str,
}

impl Text {
    /// The text in one language, as it stands in the table.
    pub fn raw(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Ja => self.ja,
            Lang::En => self.en,
        }
    }

    /// The text in one language with its values filled in.
    pub fn fill(self, lang: Lang, values: &[&str]) -> String {
        let mut pieces = self.raw(lang).split("{}");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for (value, piece) in values.iter().zip(pieces) {
            text.push_str(value);
            text.push_str(piece);
        }
        text
    }
}

/// The table: name, Japanese, English.
macro_rules! texts {
    ($($name:ident $ja:literal $en:literal)*) => {
        $(#[doc = concat!("`", $en, "`")] pub const $name: Text = Text { ja: $ja, en: $en };)*
        #[cfg(test)]
        const TEXTS: &[(&str, Text)] = &[$((stringify!($name), $name)),*];
    };
}

texts! {
    PASS "合格　この台帳の記述はすべて成り立ちます。"
         "PASS  Everything this log says holds."
    CAUTION "注意つき合格　確かめた記述はすべて成り立ちます。ただし、次の注意をお読みください。"
            "PASS WITH CAUTION  Everything that was checked holds, but read the cautions below."
    FAIL "不合格　この台帳には成り立たない記述があります。"
         "FAIL  This log says something that does not hold."
    NO_VERDICT "判定できません。台帳が正しいとも、誤りとも言えません。"
               "NO VERDICT  Nothing can be said for or against this log."

    CAUTIONS "注意" "Cautions"
    RECORDS "記録の内訳" "Records by kind"
    MEASURES "措置ごとの経過" "Measures, each with its chain"
    LABEL "{}：{}" "{}: {}"
    LOG "台帳" "Log"
    SIZE "記録の数" "Records"
    PERIOD "期間" "Period"
    FROM_TO "{} から {} まで" "{} to {}"
    ROOT "全体の要約値" "Fingerprint of the whole log"
    KEY "署名の鍵" "Signing key"
    HISTORY "前回との関係" "Compared with last time"
    CODE "番号" "Code"
    WHERE "箇所" "Where"
    WHERE_LEAF "{} 番の記録（最初の記録を 0 番と数えます）" "record {} (the first record is number 0)"
    WHERE_LOG "台帳全体" "the log as a whole"
    WHAT "起きたこと" "What is wrong"
    MEANING "意味" "What it means"
    NEXT "次にすること" "What to do next"
    NEXT_LIE "この写しを書き換えずに保存し、台帳の運用者ではない人に、この画面と番号を見せてください。最初に見つかった誤りだけを示しています。"
             "Keep this copy unchanged and show this page and its code to someone who does not operate the log. Only the first thing found is shown."
    NEXT_UNREADABLE "場所と接続を確かめて、もう一度実行してください。"
                    "Check the place and the connection, and run again."

    KEY_GIVEN "あなたが指定した鍵" "the key you gave"
    KEY_REMEMBERED "前回の検証で控えた鍵" "the key remembered from the earlier verification"
    KEY_WITH_LOG "台帳に添えられていた鍵" "the key that came with the log"
    CAUTION_KEY "鍵は台帳に添えられていたものです。台帳が内部で矛盾しないことは確かめましたが、だれが書いたかは確かめていません。別の経路で受け取った鍵を --key で指定してください。使った鍵：{}"
                "The key came with the log. This proves that the log agrees with itself, not who wrote it. Give a key that reached you another way with --key. Key used: {}"
    CAUTION_NO_STATE "前回の控え（--state）がないため、台帳が短くされたり書き直されたりしていないかは判定できません。"
                     "Without a memory of an earlier run (--state) it cannot be judged whether the log was cut short or rewritten."
    CAUTION_FIRST "控えを作るのは今回が初めてです。台帳が短くされたり書き直されたりしていないかは、次回から判定できます。"
                  "This is the first run with this memory. Whether the log is cut short or rewritten can be judged from the next run on."
    CAUTION_UNKNOWN "この版が意味を知らない種類の記録が {} 件あります。改変がないことと順序は確かめましたが、内容の規則は確かめていません。"
                    "{} records are of kinds this version does not understand. They are unaltered and in order, but the rules for them were not checked."
    CAUTION_OVERDUE "承認の期限が過ぎても終了の記録がない適用が {} 件あります。"
                    "{} effects have no recorded end although their approval is over."
    HISTORY_NONE "判定できません" "cannot be judged"
    HISTORY_SAME "前回と同じ台帳で、増えた記録はありません" "the same log as last time; nothing was added"
    HISTORY_EXTENDS "前回の {} 件をそのまま含み、{} 件になりました" "holds the {} records of last time unchanged, and now has {}"

    MEASURE "措置 {}" "Measure {}"
    REQUEST "申請 {}（{} 番）　賛成 {}、反対 {}、質問 {}、回答 {}" "Request {} (record {}): {} in favour, {} against, {} questions, {} answers"
    PENDING "決定はまだありません" "not decided yet"
    APPROVED "承認（{} 番）　有効期間 {} から {} まで、必要な賛成 {}" "approved (record {}), valid {} to {}, {} votes needed"
    REFUSED "不承認（{} 番）" "refused (record {})"
    EFFECT "適用 {}（{} 番で開始）　{}" "Effect {} (begun in record {}): {}"
    STATE_BEGUN "開始したが、機器の確認の記録がまだない" "begun; the device has not confirmed yet"
    STATE_ACTIVE "適用中（終了の記録はまだない）" "in force (no end recorded yet)"
    STATE_FAILED "適用できなかった" "did not take effect"
    STATE_EXPIRED "期限で終了（{} 番）" "ended when its time was over (record {})"
    STATE_ROLLED_BACK "取り消して終了（{} 番）" "taken back (record {})"
    STATE_OVERDUE "期限を過ぎています" "OVERDUE"
    AFTER_REPORT "事後の報告　{} 件" "Reports afterwards: {}"
    MORE "ほか {} 件（--format json で全件）" "and {} more (all of them with --format json)"
    NOT_UNDERSTOOD "この版が意味を知らない種類" "kinds this version does not understand"

    NO_LOG "ここに台帳はありません。`checkpoint` というファイルが見つかりません。" "There is no log here: the file `checkpoint` is not found."
    UNREADABLE "{} を読めません：{}" "{} cannot be read: {}"
    TOO_MUCH "台帳に出てくる機器や措置が多すぎて、この機械のメモリーでは検証できません。" "The log has more parties and measures than this program keeps in memory."
    NO_KEY "鍵がありません。`log.vkey` が台帳に添えられていないので、--key で指定してください。" "There is no key: `log.vkey` is not beside the log, so give one with --key."
    BAD_KEY "{} は鍵でも、鍵の入ったファイルでもありません。" "{} is neither a key nor a file with a key."
    BAD_STATE "{} は前回の控えではないか、壊れています。上書きはしません。" "{} is not the memory of an earlier run, or damaged. It is left as it is."
    OTHER_KEY "控え {} は別の鍵で作られています。上書きはしません。" "The memory {} was made with another key. It is left as it is."
    CANNOT_REMEMBER "控え {} を書けません：{}" "The memory {} cannot be written: {}"

    ABOUT "台帳の写しを、台帳の運用者を信用せずに検証します。終了コード：0 すべて成り立つ、1 成り立たない記述がある、2 使い方の誤りまたは読めない"
          "Verifies a copy of the log without trusting whoever operates it. Exit code: 0 everything holds, 1 something does not, 2 wrong use or unreadable"
    ARG_LOG "台帳のフォルダー、または http(s) の場所" "Folder of the log, or its http(s) address"
    ARG_KEY "信用する鍵（name+id+base64）またはその入ったファイル。省くと控えの鍵、それもなければ台帳に添えられた log.vkey を使います"
            "The key to trust (name+id+base64), or a file with it; else the remembered one, else the log.vkey beside the log"
    ARG_STATE "前回の控えのファイル。なければ作り、次回はここから増えただけであることを確かめます"
              "File that remembers the last run; made when absent, and next time the log must extend it"
    ARG_LANG "言語（ja または en）。省くと環境変数 LC_ALL、LANG に従います" "Language, ja or en; else as LC_ALL or LANG say"
    ARG_FORMAT "出力の形：human（人向け）、plain（読み上げ向け、一行ずつ）、json" "Form of the answer: human, plain (line by line, for screen readers), json"

    NAME_KEY "鍵の名" "key name"
    NAME_FILE "ファイル" "file"
    NAME_EXPECTED "あるべき値" "should be"
    NAME_FOUND "実際の値" "is"
    NAME_EMITTER "書き手" "writer"
    NAME_SENSOR "観測機器" "sensor"
    NAME_MEASURE "措置" "measure"
    NAME_EFFECT "適用" "effect"
    NAME_RELEASE "提供" "release"
    NAME_AUDIENCE "相手" "audience"
    NAME_MEMBER "投票者" "voter"

    CERT_PASS "合格　この証明書の記述はすべて成り立ちます。" "PASS  Everything these certificates say holds."
    CERT_CAUTION "注意つき合格　確かめた記述はすべて成り立ちます。ただし、次の注意をお読みください。"
                 "PASS WITH CAUTION  Everything that was checked holds, but read the cautions below."
    CERT_FAIL "不合格　この証明書には成り立たない記述があります。" "FAIL  These certificates say something that does not hold."
    CERT_NEXT "ファイルを書き換えずに保存し、観測機器の運用者ではない人に、この画面と番号を見せてください。最初に見つかった誤りだけを示しています。"
              "Keep the files unchanged and show this page and its code to someone who does not operate the sensor. Only the first thing found is shown."
    CERT_CAUTION_KEY "署名は添えられた鍵と合いますが、だれの鍵かは確かめていません。別の経路で受け取った鍵を --key で指定してください。使われた鍵：{}"
                     "The signatures fit the keys beside them, but whose keys they are was not checked. Give a key that reached you another way with --key. Keys used: {}"
    CERT_CAUTION_UNSIGNED "署名のない証明書が {} 件あります。だれが書いたかは分かりません。" "{} certificates are not signed: who wrote them is not known."
    CERT_CAUTION_BEGINS "{} 番から始まっています。それより前の証明書は渡されていません。" "They begin with number {}; the certificates before were not given."
    CERT_NUMBERS "番号" "Numbers"
    CERT_MODES "法的根拠と措置" "Legal ground and measures"
    CERT_TABLES "方向の判定に使った表" "Tables that decided the direction"
    CERT_ENTRIES "内訳" "Entries"
    CERT_ENTRIES_VALUE "選別 {} 件（うち入力なし {} 件）、削除 {} 件" "{} selections ({} of them without input), {} deletions"
    CERT_TALLY "記録の行き先" "Where the records went"
    CERT_TALLY_VALUE "見た {} ＝ 残した {} ＋ 該当なし {} ＋ 方向で除外 {} ＋ 内容のみ {} ＋ 読めず {}"
                     "{} seen = {} kept + {} not matching + {} turned away by direction + {} content only + {} unreadable"
    CERT_ROWS "残した行" "Rows kept"
    CERT_ROWS_VALUE "{} 行、うち削除を証明した行 {}" "{}, of which the deletion of {} is certified"
    CERT_GAP "区間の間が最も空いた秒数" "Longest time between two intervals, in seconds"
    CERT_LAST "最後の証明書の要約値" "Fingerprint of the last certificate"
    CERT_SHOWN "示された行 {}（証明書 {} 番）は証明書に属します：{}" "Row {} (certificate {}) belongs to its certificate: {}"
    CERT_FORM "ファイルが、選別の証明書、削除の証明書、所属の証明のどの書式でもありません。"
              "A file is no certificate of selection, of deletion, and no proof."
    CERT_BALANCE "証明書の数字が合いません。見た記録のすべてが、ちょうど一つの行き先に数えられていません。"
                 "The figures do not agree: not every record seen is counted in exactly one place."
    CERT_RULES "証明書が示す選別の規則が、その要約値または法的根拠と合いません。"
               "The rules of selection do not fit their fingerprint or the legal ground."
    CERT_SENSOR "一つの連鎖に、別の観測機器の証明書が混ざっています。" "Certificates of different sensors stand in one chain."
    CERT_SEQUENCE "番号が飛んでいるか、重なっています。" "A number is missing or stands twice."
    CERT_CHAIN "証明書が、直前の証明書の要約値を指していません。" "A certificate does not name the fingerprint of the one before it."
    CERT_TIME "時刻が前の証明書より戻っています。" "Time goes back behind the certificate before."
    CERT_UNSIGNED "証明書に署名がありません。" "A certificate is not signed."
    CERT_SIGNATURE "証明書に、信用する鍵の正しい署名がありません。" "A certificate has no valid signature of the trusted key."
    CERT_DELETED "削除したと証明されたものが、証明されていた記録と合いません。" "What is certified as deleted is not what was certified as kept."
    CERT_EARLY "保存の期限より前に削除されています。" "Records were deleted before their time was over."
    CERT_TWICE "同じ記録が二度削除されたことになっています。" "The same records are certified as deleted twice."
    CERT_PROOF "示された行は、この証明書に属しません。" "A row that is shown does not belong to its certificate."
    CERT_RECORD "示された行が、機械的情報の記録の書式ではありません。" "A row that is shown is not a mechanical record."
    CERT_UNLIKE "示された行の措置、方向又は保存期限が、この証明書のものと異なります。" "A row that is shown is not of the measure, the direction or the retention of its certificate."
    CERT_ABOUT "観測機器の証明書を、だれも信用せずに検証します。" "Verifies certificates of a sensor without trusting anybody."
    CERT_ARG_FILES "証明書のファイル、またはそれが入ったフォルダー" "Certificates, or a folder with them"
    CERT_ARG_KEY "信用する観測機器の公開鍵（十六進 64 桁）またはその入ったファイル" "The sensor's public key to trust (64 hexadecimal digits), or a file with it"
    CERT_ARG_PROOF "`noroshi sift prove` が作った所属の証明" "A proof made by `noroshi sift prove`"
    CERT_NO_FILES "{} に証明書がありません。" "There is no certificate in {}."
}

pub(crate) fn named(name: Named) -> Text {
    match name {
        Named::Key => NAME_KEY,
        Named::File => NAME_FILE,
        Named::Expected => NAME_EXPECTED,
        Named::Found => NAME_FOUND,
        Named::Emitter => NAME_EMITTER,
        Named::Sensor => NAME_SENSOR,
        Named::Measure => NAME_MEASURE,
        Named::Effect => NAME_EFFECT,
        Named::Release => NAME_RELEASE,
        Named::Audience => NAME_AUDIENCE,
        Named::Member => NAME_MEMBER,
    }
}

/// Kinds of records: kind, Japanese, English.
const KIND_TEXTS: &[(&str, Text)] = &[
    ("log.opened", Text { ja: "台帳の開始", en: "the log was opened" }),
    ("office.change", Text { ja: "事務局の設定や人の変更", en: "changes of the office itself" }),
    ("intake.draft", Text { ja: "報告の書きかけ", en: "reports begun" }),
    ("intake.report", Text { ja: "受け付けた報告", en: "reports filed" }),
    ("evidence.change", Text { ja: "証拠の変更", en: "changes of the evidence" }),
    ("sift.batch", Text { ja: "選別の証明書", en: "certificates of selection" }),
    ("sift.deletion", Text { ja: "選別の記録の削除の証明書", en: "certificates of deletion" }),
    ("hunt.entry", Text { ja: "保存された記録の探索の記載", en: "entries of records of hunts" }),
    ("analyse.change", Text { ja: "分析の変更", en: "changes of cases and assessments" }),
    ("measure.requested", Text { ja: "措置の承認申請", en: "requests for approval of a measure" }),
    ("measure.question", Text { ja: "委員会の質問", en: "questions of the commission" }),
    ("measure.answer", Text { ja: "質問への回答", en: "answers to them" }),
    ("measure.vote", Text { ja: "委員の投票", en: "votes of members" }),
    ("measure.decided", Text { ja: "委員会の決定", en: "decisions of the commission" }),
    ("measure.execute.begin", Text { ja: "措置の適用の開始", en: "effects begun" }),
    (
        "measure.execute.end",
        Text { ja: "適用の機器での確認", en: "effects read back from the device" },
    ),
    ("measure.ended", Text { ja: "適用の終了", en: "effects ended" }),
    ("measure.report", Text { ja: "措置の事後の報告", en: "reports after a measure" }),
    ("share.release", Text { ja: "情報の提供", en: "releases of information" }),
    ("share.read", Text { ja: "提供先の読み出し", en: "reads by an audience" }),
    ("share.review", Text { ja: "由来の審査の手続", en: "steps of derivation reviews" }),
    ("share.recall", Text { ja: "提供した情報の回収・訂正", en: "recalls and corrections" }),
    ("share.acknowledge", Text { ja: "回収・訂正の確認", en: "acknowledgements of recalls" }),
    ("share.refused", Text { ja: "規則により断った提供", en: "releases refused by rule" }),
    ("access.view", Text { ja: "閲覧", en: "views" }),
];

/// What a kind of record is called; none for a kind that is not known.
pub(crate) fn kind(kind: &str) -> Option<Text> {
    KIND_TEXTS.iter().find(|(name, _)| *name == kind).map(|(_, text)| *text)
}

/// What is wrong when a rule is broken, and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleText {
    /// What is wrong.
    pub what: Text,
    /// What it means.
    pub meaning: Text,
}

/// The words for a broken rule.
pub fn rule(rule: Rule) -> RuleText {
    let (what, meaning) = match rule {
        Rule::Signature
        | Rule::CheckpointText
        | Rule::Origin
        | Rule::Rollback
        | Rule::History
        | Rule::FileMissing
        | Rule::Bundle
        | Rule::EntryChanged
        | Rule::Tile
        | Rule::Root => tree_rule(rule),
        Rule::Leaf
        | Rule::EmitterSequence
        | Rule::EmitterChain
        | Rule::Time
        | Rule::OpenedOrigin
        | Rule::Balance
        | Rule::SensorSequence
        | Rule::SensorChain
        | Rule::Release
        | Rule::Review
        | Rule::Recall => order_rule(rule),
        Rule::Request
        | Rule::RequesterVoted
        | Rule::Quorum
        | Rule::Votes
        | Rule::Count
        | Rule::Approval
        | Rule::Window
        | Rule::Refused
        | Rule::AfterEnd
        | Rule::NeverBegan
        | Rule::EndedTwice => authority_rule(rule),
    };
    RuleText { what, meaning }
}

type Pair = (Text, Text);

const fn pair(
    ja: &'static str,
    en: &'static str,
    meaning_ja: &'static str,
    meaning_en: &'static str,
) -> Pair {
    (Text { ja, en }, Text { ja: meaning_ja, en: meaning_en })
}

fn tree_rule(rule: Rule) -> Pair {
    match rule {
        Rule::Signature => pair(
            "台帳の要約に、信用する鍵の正しい署名がありません。",
            "The summary of the log has no valid signature of the trusted key.",
            "この写しは、その鍵の持ち主が書いたものではないか、署名の後に変えられています。",
            "This copy was not written by the holder of that key, or was changed after signing.",
        ),
        Rule::Origin => pair(
            "台帳の要約が、別の台帳の名を名乗っています。",
            "The summary names another log.",
            "見ようとした台帳ではない台帳を渡されています。",
            "You were given another log than the one you meant to see.",
        ),
        Rule::Rollback => pair(
            "台帳が、前回見たときより短くなっています。",
            "The log is shorter than when it was last seen.",
            "台帳は増えるだけのはずです。一度見せた記録が取り除かれています。",
            "A log only ever grows. Records that were shown once have been taken away.",
        ),
        Rule::History => pair(
            "台帳が、前回見たものをそのまま含んでいません。",
            "The log does not contain what was last seen, unchanged.",
            "過去の記録が書き直されたか、相手によって違う台帳を見せています。",
            "Past records were rewritten, or different readers are shown different logs.",
        ),
        Rule::FileMissing => pair(
            "署名された要約が保証するファイルがありません。",
            "A file that the signed summary vouches for is not there.",
            "記録の一部が渡されていません。確かめられない部分が残ります。",
            "Part of the records is withheld, so part of the log cannot be checked.",
        ),
        Rule::Bundle => pair(
            "記録の束が壊れています。",
            "A bundle of records is damaged.",
            "記録の数や長さが、名前の示すものと合いません。",
            "The number or length of its records is not what its name says.",
        ),
        Rule::EntryChanged => pair(
            "記録が、台帳の指紋と一致しません。",
            "A record does not match its fingerprint in the log.",
            "この記録は、書かれた後に変えられたか、入れ替えられています。",
            "This record was changed or exchanged after it was written.",
        ),
        Rule::Tile => pair(
            "台帳の指紋のファイルが、記録から計算したものと一致しません。",
            "A file of fingerprints is not what follows from the records.",
            "この写しは、途中で壊れたか変えられています。",
            "This copy was damaged or changed on its way.",
        ),
        Rule::Root => pair(
            "記録全体から計算した要約値が、署名された値と一致しません。",
            "The fingerprint of all records is not the signed one.",
            "署名された台帳と、渡された記録は別のものです。",
            "The records you were given are not the ones that were signed.",
        ),
        _ => pair(
            "台帳の要約が、決められた形になっていません。",
            "The summary of the log does not have the required form.",
            "何に署名したのかが確かでないため、この先は何も信用できません。",
            "It is not certain what was signed, so nothing after it can be relied on.",
        ),
    }
}

fn order_rule(rule: Rule) -> Pair {
    match rule {
        Rule::EmitterSequence => pair(
            "同じ書き手の記録の番号が続いていません。",
            "The numbers of one writer's records do not follow each other.",
            "間の記録が台帳に載せられていないか、二度載せられています。",
            "A record in between was left out of the log, or one is in it twice.",
        ),
        Rule::EmitterChain => pair(
            "同じ書き手の一つ前の記録とつながっていません。",
            "A record is not tied to the same writer's record before it.",
            "書き手の記録が途中で差し替えられています。",
            "The writer's records were exchanged along the way.",
        ),
        Rule::Time => pair(
            "時刻が前の記録より戻っています。",
            "The time goes back behind the record before.",
            "後から日付をさかのぼって書いた疑いがあります。",
            "A record may have been dated back.",
        ),
        Rule::OpenedOrigin => pair(
            "台帳の開始の記録が、別の台帳の名を名乗っています。",
            "The record that opens the log names another log.",
            "別の台帳の記録が混ざっています。",
            "Records of another log are mixed in.",
        ),
        Rule::Balance => pair(
            "観測機器が見た件数と、残した件数と破棄した件数の合計が合いません。",
            "What a sensor saw is not what it kept plus what it destroyed.",
            "行方の分からない通信の記録があります。破棄されたと証明できません。",
            "Some records of communications are unaccounted for; nothing proves that they were destroyed.",
        ),
        Rule::SensorSequence => pair(
            "観測機器の証明書の番号が続いていません。",
            "The numbers of a sensor's certificates do not follow each other.",
            "届け出られていない選別が行われた疑いがあります。",
            "A selection may have been run without being accounted for.",
        ),
        Rule::SensorChain => pair(
            "観測機器の証明書が、一つ前の証明書とつながっていません。",
            "A sensor's certificate is not tied to the one before it.",
            "証明書が差し替えられています。",
            "A certificate was exchanged.",
        ),
        Rule::Review => pair(
            "由来の審査が、二人による決められた手順を経ていないのに、提供の根拠になっています。",
            "A release stands on a derivation review that two people did not carry through, step by step.",
            "通信情報に由来するかもしれない情報が、確かめられないまま提供されています。",
            "Information that may derive from communications left without having been checked.",
        ),
        Rule::Recall => pair(
            "記録のない回収について、確認が記録されています。",
            "A recall that is not recorded was acknowledged.",
            "回収の記録が欠けているか、差し替えられています。",
            "The record of a recall is missing or was exchanged.",
        ),
        Rule::Release => pair(
            "通信情報に由来する情報または秘密が、保有できる機関の外に提供されています。",
            "Information derived from communications, or a secret, was released outside the organs that may hold it.",
            "この情報は、その相手に渡してはならないものです。",
            "This information must not leave towards that audience.",
        ),
        _ => pair(
            "記録が、決められた形になっていません。",
            "A record does not have the required form.",
            "何が書かれているのか、ただ一通りには読めません。",
            "What it says cannot be read in one way only.",
        ),
    }
}

fn authority_rule(rule: Rule) -> Pair {
    match rule {
        Rule::RequesterVoted => pair(
            "申請した人が、その申請に投票しています。",
            "The person who asked for the measure also voted on it.",
            "申請する人と承認する人は別でなければなりません。",
            "Who asks and who approves must be different persons.",
        ),
        Rule::Quorum => pair(
            "承認に必要な賛成の数が、最低の数より少なく定められています。",
            "An approval was made with fewer required votes than the least allowed.",
            "少ない人数での承認は、承認とはいえません。",
            "An approval by so few is no approval.",
        ),
        Rule::Votes => pair(
            "承認の記録はありますが、賛成の投票が足りません。",
            "An approval is recorded, but there are not enough votes in favour of it.",
            "委員会が承認していないのに、承認したことにされています。",
            "The commission is said to have approved what it did not approve.",
        ),
        Rule::Count => pair(
            "決定に書かれた票数が、投票の記録と合いません。",
            "The votes counted in a decision are not the votes in the log.",
            "投票が抜かれたか、決定が誤って書かれています。",
            "Votes were left out, or the decision was recorded wrongly.",
        ),
        Rule::Approval => pair(
            "承認のない措置が実行されています。",
            "A measure was carried out without approval.",
            "委員会が、この内容をこの時点までに承認した記録がありません。",
            "There is no record that the commission had approved exactly this by then.",
        ),
        Rule::Window => pair(
            "承認された期間の外で措置が実行されています。",
            "A measure was carried out outside the approved time.",
            "その時点では、承認は効力を持っていません。",
            "At that moment the approval was not in force.",
        ),
        Rule::Refused => pair(
            "不承認となった後に措置が実行されています。",
            "A measure was carried out after it had been refused.",
            "委員会は、先の承認を取り下げています。",
            "The commission had taken its earlier approval back.",
        ),
        Rule::AfterEnd => pair(
            "終了した適用が、ふたたび行われています。",
            "An effect that had ended was put in force again.",
            "終わった措置を、新しい承認なしに再開しています。",
            "A measure that was over was resumed under the old name.",
        ),
        Rule::NeverBegan => pair(
            "開始の記録がない適用について、結果または終了が記録されています。",
            "A result or an end is recorded for an effect that never began.",
            "記録より先に実行された措置がある疑いがあります。",
            "A measure may have been carried out before, or without, being recorded.",
        ),
        Rule::EndedTwice => pair(
            "同じ適用が二度終了しています。",
            "The same effect ended twice.",
            "間に、記録されていない再開がある疑いがあります。",
            "In between it may have been resumed without a record.",
        ),
        _ => pair(
            "記録されていない申請について、投票または決定が記録されています。",
            "A vote or a decision is recorded for a request that is not in the log.",
            "何を承認したのかを確かめられません。",
            "It cannot be checked what was approved.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> Vec<(String, Text)> {
        let mut all: Vec<_> = TEXTS.iter().map(|(n, t)| ((*n).to_owned(), *t)).collect();
        all.extend(KIND_TEXTS.iter().map(|(n, t)| ((*n).to_owned(), *t)));
        for broken in Rule::ALL {
            let text = rule(broken);
            all.push((format!("{broken:?} what"), text.what));
            all.push((format!("{broken:?} meaning"), text.meaning));
        }
        all
    }

    #[test]
    fn both_languages_or_neither() {
        for (name, Text { ja, en }) in all() {
            assert!(!ja.is_empty() && !en.is_empty(), "{name}");
            assert_eq!(ja.matches("{}").count(), en.matches("{}").count(), "{name}");
            assert!(en.is_ascii(), "{name}");
            if name != "LABEL" {
                assert!(ja.chars().any(|c| c > '\u{3000}'), "{name}");
            }
        }
    }

    #[test]
    fn every_rule_has_its_own_words() {
        let words: BTreeSet<_> = Rule::ALL.iter().map(|r| rule(*r).what.en).collect();
        assert_eq!(words.len(), Rule::ALL.len());
    }

    #[test]
    fn every_kind_has_words() {
        let named: Vec<_> = KIND_TEXTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, crate::leaf::KINDS);
    }

    #[test]
    fn languages_are_recognised() {
        assert_eq!("ja_JP.UTF-8".parse(), Ok(Lang::Ja));
        assert_eq!("en".parse(), Ok(Lang::En));
        assert_eq!("C".parse::<Lang>(), Err(UnknownLang));
    }
}
