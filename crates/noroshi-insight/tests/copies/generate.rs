//! Made-up posts in three languages, and seventeen ways to change a post, out of a seed.
//!
//! The sentences speak of invented places and of nothing that anybody holds an opinion on.

/// The languages of the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Russian,
    Japanese,
}

pub(crate) const LANGUAGES: [Language; 3] =
    [Language::English, Language::Russian, Language::Japanese];

/// Numbers that look random and are the same on every machine (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// `{a}` and so on are replaced by a word of the list of that letter.
struct Grammar {
    sentences: &'static [&'static str],
    lists: &'static [(char, &'static [&'static str])],
    between: &'static str,
    letters: &'static str,
}

const ENGLISH: Grammar = Grammar {
    sentences: &[
        "{p} says the {n} of {t} will {v} before {d}",
        "why does nobody in {t} ask who {w} the {a} {n} since {d}",
        "I saw three {a} {n}s near {t} and one of them was {x}",
        "our {n} was {x} on {d}, and the {m} in {t} has no answer at all",
        "{p} and {p} want to {v} every {n} from {t} to {t}",
        "the {m} promised a {a} {n}, then {d} came and it was {x}",
        "remember when {t} had a {a} {m}? now only the {n} is left",
        "look at the {a} {n}! it came from {t} and it will {v} again",
        "they {w} our {n} and call it {a}, but {p} knows better",
        "{d} in {t}: free {n}s for all who bring a {a} {m}",
    ],
    lists: &[
        (
            'p',
            &[
                "the miller",
                "old Brannoch",
                "my neighbour",
                "the ferry pilot",
                "a clerk",
                "the choir",
                "Aunt Quill",
                "the gardener",
                "a sailor",
                "the night watch",
                "our teacher",
                "the baker",
            ],
        ),
        (
            'n',
            &[
                "lantern",
                "orchard",
                "bridge",
                "kettle",
                "windmill",
                "harbour",
                "almanac",
                "tramway",
                "beehive",
                "quarry",
                "weathervane",
                "rowing boat",
                "bakery",
                "signal tower",
                "greenhouse",
                "carousel",
            ],
        ),
        (
            't',
            &[
                "Alderpond",
                "Birchwell",
                "Cedarholm",
                "Dunmere",
                "Elmsgate",
                "Fernhollow",
                "Gullwick",
                "Hazelford",
                "Ivybridge End",
                "Juniper Bay",
                "Kestrel Point",
                "Larchfield",
            ],
        ),
        (
            'v',
            &[
                "be painted",
                "move uphill",
                "open twice",
                "vanish",
                "cost more",
                "be counted",
                "float",
                "ring",
                "sing",
                "be rebuilt",
                "turn around",
            ],
        ),
        (
            'd',
            &[
                "Monday",
                "the first frost",
                "midsummer",
                "last Thursday",
                "the new moon",
                "harvest",
                "the big storm",
                "the parade",
                "breakfast",
                "the sixth of May",
            ],
        ),
        (
            'w',
            &[
                "repaired", "borrowed", "measured", "buried", "polished", "sold", "renamed",
                "counted", "emptied",
            ],
        ),
        (
            'a',
            &[
                "crooked",
                "silver",
                "noisy",
                "borrowed",
                "enormous",
                "forgotten",
                "striped",
                "second",
                "wooden",
                "hollow",
                "green",
                "cheap",
            ],
        ),
        (
            'x',
            &[
                "upside down",
                "full of rain",
                "out of tune",
                "locked",
                "missing a wheel",
                "on fire",
                "half asleep",
                "covered in salt",
                "gone",
            ],
        ),
        (
            'm',
            &[
                "council",
                "market",
                "post office",
                "museum",
                "library",
                "station master",
                "pharmacy",
                "brass band",
            ],
        ),
    ],
    between: ". ",
    letters: "abcdefghijklmnopqrstuvwxyz",
};

const RUSSIAN: Grammar = Grammar {
    sentences: &[
        "{p} говорит, что {n} у города {t} скоро {v}",
        "почему никто в городе {t} не спросит, где {a} {n}",
        "вчера {d} мы видели, как {a} {n} снова {v}",
        "{p} и {p} хотят знать, кто взял наш {a} {n}",
        "обещали {a} {n}, а {d} оказалось, что он {x}",
        "помните, какой {a} {m} был в городе {t}? остался один {n}",
        "смотрите, {a} {n} приехал из города {t} и сейчас {x}",
        "наш {m} закрыт, {n} {x}, и {p} ничего не знает",
        "в городе {t} {d} раздают всем {a} {n} и {n}",
    ],
    lists: &[
        (
            'p',
            &[
                "мельник",
                "старый Бранох",
                "мой сосед",
                "паромщик",
                "писарь",
                "весь хор",
                "тётя Квилла",
                "садовник",
                "моряк",
                "ночной сторож",
                "учитель",
                "пекарь",
            ],
        ),
        (
            'n',
            &[
                "фонарь",
                "яблоневый сад",
                "мост",
                "чайник",
                "ветряк",
                "причал",
                "календарь",
                "трамвай",
                "улей",
                "карьер",
                "флюгер",
                "ялик",
                "хлебный ларёк",
                "маяк",
            ],
        ),
        (
            't',
            &[
                "Ольховый Пруд",
                "Березняк",
                "Кедровка",
                "Дюнный",
                "Вязово",
                "Папоротник",
                "Чаячий",
                "Орешник",
                "Плющево",
                "Можжевельник",
            ],
        ),
        (
            'v',
            &[
                "покрасят",
                "переедет",
                "откроется",
                "исчезнет",
                "подорожает",
                "поплывёт",
                "зазвонит",
                "запоёт",
                "построят заново",
            ],
        ),
        (
            'd',
            &[
                "в понедельник",
                "до первых морозов",
                "летом",
                "в четверг",
                "в новолуние",
                "после урожая",
                "в бурю",
                "утром",
                "шестого мая",
            ],
        ),
        (
            'a',
            &[
                "кривой",
                "серебряный",
                "шумный",
                "чужой",
                "огромный",
                "забытый",
                "полосатый",
                "второй",
                "деревянный",
                "пустой",
                "зелёный",
                "дешёвый",
            ],
        ),
        (
            'x',
            &[
                "вверх дном",
                "полон воды",
                "расстроен",
                "заперт",
                "без колеса",
                "в огне",
                "спит",
                "весь в соли",
                "пропал",
            ],
        ),
        ('m', &["совет", "рынок", "музей", "вокзал", "оркестр", "архив", "почтамт"]),
    ],
    between: ". ",
    letters: "абвгдежзийклмнопрстуфхцчшщьыэюя",
};

const JAPANESE: Grammar = Grammar {
    sentences: &[
        "{p}によると{t}の{n}は{d}までに{v}そうです",
        "{t}で{a}{n}が{x}のに、誰も理由を聞かないのはなぜだろう",
        "{d}に{t}の近くで{a}{n}を三つ見たけれど、一つは{x}",
        "{m}は{a}{n}を約束したのに、{d}になったら{x}",
        "{p}と{p}は{t}から{t}まで全部の{n}を{v}つもりらしい",
        "昔の{t}には{a}{m}があったのに、今は{n}しか残っていない",
        "見てください、{a}{n}が{t}から届いて、また{v}ところです",
        "うちの{n}は{d}から{x}し、{t}の{m}は何も答えてくれません",
    ],
    lists: &[
        (
            'p',
            &[
                "粉屋",
                "渡し守",
                "隣の人",
                "灯台守",
                "合唱団",
                "庭師",
                "船乗り",
                "夜回り",
                "先生",
                "パン屋",
                "ブラノクさん",
            ],
        ),
        (
            'n',
            &[
                "ランタン",
                "果樹園",
                "つり橋",
                "やかん",
                "風車",
                "船着き場",
                "こよみ",
                "トロッコ",
                "みつばちの巣",
                "石切り場",
                "かざみどり",
                "手こぎ舟",
                "オルガン",
                "信号塔",
                "メリーゴーラウンド",
            ],
        ),
        (
            't',
            &[
                "青葉町",
                "白波町",
                "緑丘町",
                "赤松町",
                "霧沢村",
                "カモメ岬",
                "月見台",
                "鈴ヶ原",
                "ヒバリ野",
                "石橋通り",
                "ハンノキ沼",
            ],
        ),
        (
            'v',
            &[
                "ぬりかえる",
                "坂の上へ動く",
                "二度開く",
                "消える",
                "値上がりする",
                "数え直す",
                "水に浮かぶ",
                "鳴り出す",
                "建て直す",
                "うしろを向く",
            ],
        ),
        (
            'd',
            &[
                "月曜日",
                "初霜",
                "夏至",
                "先週の木曜",
                "新月の夜",
                "収穫祭",
                "大嵐のあと",
                "パレードの朝",
                "朝ごはん",
                "五月六日",
            ],
        ),
        (
            'a',
            &[
                "まがった",
                "銀色の",
                "さわがしい",
                "借りものの",
                "とても大きな",
                "忘れられた",
                "しま模様の",
                "二つ目の",
                "木でできた",
                "からっぽの",
                "緑の",
                "安い",
            ],
        ),
        (
            'x',
            &[
                "さかさまだった",
                "雨水でいっぱいだった",
                "音がはずれていた",
                "カギがかかっていた",
                "車輪が一つない",
                "半分ねむっていた",
                "塩だらけだった",
                "どこにもない",
            ],
        ),
        ('m', &["町会", "市場", "郵便局", "博物館", "図書館", "駅長", "薬局", "ブラスバンド"]),
    ],
    between: "。",
    letters: "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
};

fn grammar(language: Language) -> &'static Grammar {
    match language {
        Language::English => &ENGLISH,
        Language::Russian => &RUSSIAN,
        Language::Japanese => &JAPANESE,
    }
}

/// One or more made-up sentences.
pub(crate) fn text(language: Language, sentences: usize, dice: &mut Dice) -> String {
    let grammar = grammar(language);
    let mut said = Vec::new();
    for _ in 0..sentences {
        let mut sentence = String::new();
        let mut pattern = dice.pick(grammar.sentences).chars();
        while let Some(c) = pattern.next() {
            if c == '{' {
                let name = pattern.next().unwrap();
                pattern.next();
                let words = grammar.lists.iter().find(|(list, _)| *list == name).unwrap().1;
                sentence.push_str(dice.pick(words));
            } else {
                sentence.push(c);
            }
        }
        said.push(sentence);
    }
    said.join(grammar.between)
}

/// The ways to change a post. Shares are of the characters of the raw text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    Emoji,
    Tags,
    Url,
    Mention,
    Case,
    Punctuation,
    ZeroWidth,
    FullWidth,
    Prefix,
    Kana,
    Homoglyph,
    Truncate20,
    Drop5,
    Drop15,
    Replace10,
    Replace25,
    Swap15,
}

pub(crate) const EDITS: [Edit; 17] = [
    Edit::Emoji,
    Edit::Tags,
    Edit::Url,
    Edit::Mention,
    Edit::Case,
    Edit::Punctuation,
    Edit::ZeroWidth,
    Edit::FullWidth,
    Edit::Prefix,
    Edit::Kana,
    Edit::Homoglyph,
    Edit::Truncate20,
    Edit::Drop5,
    Edit::Drop15,
    Edit::Replace10,
    Edit::Replace25,
    Edit::Swap15,
];

/// The text after an edit.
pub(crate) fn edited(text: &str, edit: Edit, language: Language, dice: &mut Dice) -> String {
    let chars: Vec<char> = text.chars().collect();
    match edit {
        Edit::Emoji => {
            with(&chars, 8, dice, |dice| dice.pick(&["🔥", "😡", "👨‍👩‍👧", "❗️", "🏮"]).to_owned())
        }
        Edit::Tags => {
            format!("{text} #{} #kiln{}", ["vote", "harbour", "町"][dice.below(3)], dice.below(9))
        }
        Edit::Url => format!("{text} https://kiln.example/{:x}?s={}", dice.next(), dice.below(99)),
        Edit::Mention => format!("RT @kiln_{}: {text}", dice.below(1_000)),
        Edit::Case => chars.iter().map(|c| upper(*c, dice.percent(50))).collect(),
        Edit::Punctuation => {
            let kept: Vec<char> =
                chars.iter().copied().filter(|c| !",.?!、。".contains(*c)).collect();
            with(&kept, 10, dice, |dice| dice.pick(&["!", " ...", "—", "、", "!!"]).to_owned())
        }
        Edit::ZeroWidth => with(&chars, 25, dice, |dice| {
            dice.pick(&["\u{200b}", "\u{200d}", "\u{2060}", "\u{feff}"]).to_owned()
        }),
        Edit::FullWidth => chars.iter().map(|c| wide(*c, language)).collect(),
        Edit::Prefix => format!("{} {text}", ["Breaking:", "Срочно:", "速報"][dice.below(3)]),
        Edit::Kana => chars.iter().map(|c| other_kana(*c)).collect(),
        Edit::Homoglyph => {
            chars.iter().map(|c| if dice.percent(40) { twin(*c) } else { *c }).collect()
        }
        Edit::Truncate20 => chars.iter().take(chars.len() - chars.len() / 5).collect(),
        Edit::Drop5 => chars.into_iter().filter(|_| !dice.percent(5)).collect(),
        Edit::Drop15 => chars.into_iter().filter(|_| !dice.percent(15)).collect(),
        Edit::Replace10 => replaced(&chars, 10, language, dice),
        Edit::Replace25 => replaced(&chars, 25, language, dice),
        Edit::Swap15 => swapped(chars, dice),
    }
}

fn with(
    chars: &[char],
    percent: usize,
    dice: &mut Dice,
    more: impl Fn(&mut Dice) -> String,
) -> String {
    let mut out = String::new();
    for c in chars {
        out.push(*c);
        if dice.percent(percent) {
            out.push_str(&more(dice));
        }
    }
    out
}

fn upper(c: char, change: bool) -> char {
    if change { c.to_uppercase().next().unwrap() } else { c }
}

/// Full-width Latin; in Japanese the Katakana become half-width.
fn wide(c: char, language: Language) -> char {
    const HALF: &str = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";
    if c.is_ascii_graphic() {
        return char::from_u32(u32::from(c) + 0xfee0).unwrap();
    }
    let half = HALF.chars().position(|kana| kana == c).filter(|_| language == Language::Japanese);
    half.map_or(c, |at| char::from_u32(0xff71 + u32::try_from(at).unwrap()).unwrap())
}

fn other_kana(c: char) -> char {
    let code = u32::from(c);
    match c {
        'ぁ'..='ゖ' => char::from_u32(code + 0x60).unwrap(),
        'ァ'..='ヶ' => char::from_u32(code - 0x60).unwrap(),
        _ => c,
    }
}

fn twin(c: char) -> char {
    const TWINS: [(char, char); 17] = [
        ('a', 'а'),
        ('c', 'с'),
        ('e', 'е'),
        ('o', 'о'),
        ('p', 'р'),
        ('x', 'х'),
        ('y', 'у'),
        ('i', 'і'),
        ('s', 'ѕ'),
        ('A', 'А'),
        ('B', 'В'),
        ('E', 'Е'),
        ('H', 'Н'),
        ('K', 'К'),
        ('M', 'М'),
        ('T', 'Т'),
        ('O', 'О'),
    ];
    let found = TWINS.iter().find(|(one, other)| *one == c || *other == c);
    found.map_or(c, |(one, other)| if *one == c { *other } else { *one })
}

fn replaced(chars: &[char], percent: usize, language: Language, dice: &mut Dice) -> String {
    let letters: Vec<char> = grammar(language).letters.chars().collect();
    let mut one =
        |c: &char| if dice.percent(percent) { letters[dice.below(letters.len())] } else { *c };
    chars.iter().map(&mut one).collect()
}

fn swapped(mut chars: Vec<char>, dice: &mut Dice) -> String {
    let mut at = 0;
    while at + 1 < chars.len() {
        if dice.percent(15) {
            chars.swap(at, at + 1);
            at += 1;
        }
        at += 1;
    }
    chars.into_iter().collect()
}
