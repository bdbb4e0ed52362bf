//! Reports in PDF (ISO 32000-1): headings, paragraphs, lists and tables of Japanese and English words, with the letters that
//! are used embedded, so that they look the same wherever they are printed.
//!
//! The font is one of the machine (`influence.pdf_fonts`); only the glyphs that occur go into the file. Without any font no
//! PDF is made, and whoever asked for one is told which were looked for. The same words and font give the same bytes.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId, RawFace, Tag};

/// Largest font file read, in bytes.
const FONT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most pages; what is beyond is left out, and said.
pub const PAGES_MAX: usize = 400;
/// A4, in points.
const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 54.0;
const BODY: f32 = 9.5;
const SMALL: f32 = 8.0;
/// Line height over size.
const LEADING: f32 = 1.55;

/// Letters that do not begin a line (JIS X 4051: 行頭禁則).
const NOT_FIRST: &str = "、。，．・：；？！」』）］｝〕〉》】ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.:;?!)]}%";
/// Letters that do not end a line (行末禁則).
const NOT_LAST: &str = "「『（［｛〔〈《【([{";

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum NoPdf {
    /// None of the fonts is there.
    #[error(
        "NRS-INFL-1209: none of the fonts is there: {0}; install fonts-noto-cjk or name another in influence.pdf_fonts"
    )]
    NoFont(String),
    /// A font cannot be used.
    #[error("NRS-INFL-1210: the font `{0}` cannot be used: {1}")]
    Font(String, String),
}

/// A font of the machine.
pub struct Font {
    path: String,
    data: Vec<u8>,
    face: u32,
}

impl Font {
    /// The first of `paths` that is there; `#N` behind a path is the N-th face of a collection.
    pub fn find(paths: &[String]) -> Result<Self, NoPdf> {
        for entry in paths {
            let (path, face) = match entry.rsplit_once('#') {
                Some((path, face)) => (path, face.parse().unwrap_or(0)),
                None => (entry.as_str(), 0),
            };
            let Ok(about) = std::fs::metadata(path) else { continue };
            let bad = |why: String| NoPdf::Font(path.to_owned(), why);
            if about.len() > FONT_BYTES_MAX {
                return Err(bad(format!("longer than {FONT_BYTES_MAX} bytes")));
            }
            let data = std::fs::read(path).map_err(|why| bad(why.to_string()))?;
            Face::parse(&data, face).map_err(|why| bad(why.to_string()))?;
            return Ok(Self { path: path.to_owned(), data, face });
        }
        Err(NoPdf::NoFont(paths.join(", ")))
    }
}

/// One piece of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 1 or 2.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// An entry of a list.
    Item(String),
    /// A table: widths as parts of the whole, the heads, the rows.
    Table(Vec<u16>, Vec<String>, Vec<Vec<String>>),
}

/// A report in PDF. `language` is that of its words (`ja`, `en`); `foot` stands on each page before its number.
pub fn render(
    font: &Font,
    (title, language, foot): (&str, &str, &str),
    blocks: &[Block],
) -> Result<Vec<u8>, NoPdf> {
    let bad = |why: String| NoPdf::Font(font.path.clone(), why);
    let face = Face::parse(&font.data, font.face).map_err(|why| bad(why.to_string()))?;
    let mut page = Setting::new(&face, foot);
    page.line(title, 18.0, 0.0);
    page.gap(6.0);
    for block in blocks {
        page.block(block);
    }
    page.end_page();
    let Setting { glyphs, pages, .. } = page;
    let subset = subsetter::subset(&font.data, font.face, &glyphs.remapper)
        .map_err(|why| bad(why.to_string()))?;
    write(&face, &glyphs, &subset, &pages, (title, language)).map_err(bad)
}

/// The glyphs that occur, with what they stand for.
struct Glyphs<'f> {
    face: &'f Face<'f>,
    remapper: GlyphRemapper,
    used: std::collections::BTreeMap<u16, (GlyphId, char)>,
}

impl Glyphs<'_> {
    fn glyph(&self, letter: char) -> GlyphId {
        let found = self.face.glyph_index(letter).filter(|glyph| glyph.0 != 0);
        found.or_else(|| self.face.glyph_index('\u{3013}')).unwrap_or(GlyphId(0))
    }

    /// Width of a letter at a size, in points.
    fn width(&self, letter: char, size: f32) -> f32 {
        let advance = self.face.glyph_hor_advance(self.glyph(letter)).unwrap_or(0);
        f32::from(advance) * size / f32::from(self.face.units_per_em())
    }

    /// The two bytes that stand for a letter.
    fn code(&mut self, letter: char) -> [u8; 2] {
        let glyph = self.glyph(letter);
        let code = self.remapper.remap(glyph.0);
        self.used.entry(code).or_insert((glyph, letter));
        code.to_be_bytes()
    }
}

/// Words on their way onto pages.
struct Setting<'f> {
    glyphs: Glyphs<'f>,
    pages: Vec<Vec<u8>>,
    content: Content,
    /// Where the next line's top is, from below.
    y: f32,
    foot: String,
}

impl<'f> Setting<'f> {
    fn new(face: &'f Face<'f>, foot: &str) -> Self {
        Self {
            glyphs: Glyphs {
                face,
                remapper: GlyphRemapper::new(),
                used: std::collections::BTreeMap::new(),
            },
            pages: Vec::new(),
            content: Content::new(),
            y: PAGE.1 - MARGIN,
            foot: foot.to_owned(),
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(level, text) => {
                self.gap(if *level == 1 { 10.0 } else { 6.0 });
                self.line(text, if *level == 1 { 13.0 } else { 11.0 }, 0.0);
                self.gap(2.0);
            }
            Block::Text(text) => {
                self.line(text, BODY, 0.0);
                self.gap(4.0);
            }
            Block::Item(text) => {
                self.room(BODY * LEADING);
                self.show("・", BODY, (MARGIN, self.y - BODY));
                self.line(text, BODY, 12.0);
                self.gap(2.0);
            }
            Block::Table(widths, heads, rows) => self.table(widths, heads, rows),
        }
    }

    fn gap(&mut self, points: f32) {
        self.y -= points;
    }

    /// Begins a page when there is no room for `points` on this one.
    fn room(&mut self, points: f32) {
        if self.y - points < MARGIN + 12.0 {
            self.end_page();
        }
    }

    fn end_page(&mut self) {
        let number = self.pages.len() + 1;
        let foot = format!("{}  {number}", self.foot);
        self.show(&foot, SMALL, (MARGIN, MARGIN - 18.0));
        let content = std::mem::replace(&mut self.content, Content::new());
        if self.pages.len() < PAGES_MAX {
            self.pages.push(content.finish().to_vec());
        }
        self.y = PAGE.1 - MARGIN;
    }

    /// A paragraph, indented.
    fn line(&mut self, text: &str, size: f32, indent: f32) {
        let width = PAGE.0 - 2.0 * MARGIN - indent;
        for line in broken(text, width, |letter| self.glyphs.width(letter, size)) {
            self.room(size * LEADING);
            self.show(&line, size, (MARGIN + indent, self.y - size));
            self.y -= size * LEADING;
        }
    }

    fn show(&mut self, text: &str, size: f32, (x, y): (f32, f32)) {
        let codes: Vec<u8> = text.chars().flat_map(|letter| self.glyphs.code(letter)).collect();
        self.content.begin_text();
        self.content.set_font(Name(b"F"), size);
        self.content.next_line(x, y);
        self.content.show(Str(&codes));
        self.content.end_text();
    }

    fn table(&mut self, widths: &[u16], heads: &[String], rows: &[Vec<String>]) {
        let whole: f32 = widths.iter().map(|one| f32::from(*one)).sum::<f32>().max(1.0);
        let scale = (PAGE.0 - 2.0 * MARGIN) / whole;
        let widths: Vec<f32> = widths.iter().map(|one| f32::from(*one) * scale).collect();
        self.row(&widths, heads, true);
        for row in rows {
            self.row(&widths, row, false);
        }
        self.gap(6.0);
    }

    fn row(&mut self, widths: &[f32], cells: &[String], is_head: bool) {
        let mut lines: Vec<Vec<String>> = Vec::new();
        for (cell, width) in cells.iter().zip(widths) {
            lines.push(broken(cell, width - 6.0, |letter| self.glyphs.width(letter, SMALL)));
        }
        let most = lines.iter().map(Vec::len).max().unwrap_or(0);
        // A row that fits on a page is not torn.
        let high = 4.0 + f32::from(u16::try_from(most).unwrap_or(u16::MAX)) * SMALL * LEADING;
        if high < PAGE.1 - 2.0 * MARGIN - 12.0 {
            self.room(high);
        }
        let mut from = 0;
        // A row that is longer than what is left of a page goes on on the next one.
        while from < most {
            let step = SMALL * LEADING;
            self.room(step + 4.0);
            let mut fits = 0;
            let mut left = self.y - 4.0;
            while from + fits < most && left - step >= MARGIN + 12.0 {
                left -= step;
                fits += 1;
            }
            let fits = fits.max(1);
            self.row_part(widths, &lines, (from, fits), is_head);
            from += fits;
        }
    }

    fn row_part(
        &mut self,
        widths: &[f32],
        lines: &[Vec<String>],
        (from, count): (usize, usize),
        is_head: bool,
    ) {
        let step = SMALL * LEADING;
        let mut height = 4.0;
        for _ in 0..count {
            height += step;
        }
        if is_head {
            self.content.set_fill_gray(0.92);
            self.content.rect(MARGIN, self.y - height, PAGE.0 - 2.0 * MARGIN, height);
            self.content.fill_nonzero();
            self.content.set_fill_gray(0.0);
        }
        let mut x = MARGIN;
        for (width, cell) in widths.iter().zip(lines) {
            let mut y = self.y - 2.0 - SMALL;
            for line in cell.iter().skip(from).take(count) {
                self.show(line, SMALL, (x + 3.0, y));
                y -= step;
            }
            x += width;
        }
        self.y -= height;
        self.content.set_line_width(0.4);
        self.content.set_stroke_gray(0.6);
        self.content.move_to(MARGIN, self.y);
        self.content.line_to(PAGE.0 - MARGIN, self.y);
        self.content.stroke();
    }
}

/// Whether a line may end between two letters: at blanks, and between letters of East Asian scripts, but not where the
/// rules of Japanese setting forbid it.
fn may_break(before: char, after: char) -> bool {
    let wide = |letter: char| u32::from(letter) >= 0x2e80;
    if NOT_FIRST.contains(after) || NOT_LAST.contains(before) {
        return false;
    }
    before == ' ' || wide(before) || wide(after)
}

/// A text in lines of at most `width` points. A word that is longer than a line is cut.
fn broken(text: &str, width: f32, mut measure: impl FnMut(char) -> f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let letters: Vec<char> = paragraph.chars().filter(|letter| !letter.is_control()).collect();
        let (mut begin, mut taken, mut last) = (0, 0.0, None);
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            let own = measure(*letter);
            if taken + own > width && at > begin {
                let end = last.filter(|last| *last > begin).unwrap_or(at);
                lines.push(letters.get(begin..end).into_iter().flatten().collect::<String>());
                begin = end;
                at = end;
                (taken, last) = (0.0, None);
                continue;
            }
            taken += own;
            at += 1;
            if letters.get(at).is_some_and(|after| may_break(*letter, *after)) {
                last = Some(at);
            }
        }
        lines.push(letters.get(begin..).into_iter().flatten().collect::<String>());
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The identifiers of the file's objects; pages follow, two for each.
const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const FONT: i32 = 3;
const CID_FONT: i32 = 4;
const DESCRIPTOR: i32 = 5;
const TO_UNICODE: i32 = 6;
const FONT_FILE: i32 = 7;
const ABOUT: i32 = 8;
const FIRST_PAGE: i32 = 9;

const SYSTEM: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

fn packed(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).map_err(|why| why.to_string())?;
    encoder.finish().map_err(|why| why.to_string())
}

fn write(
    face: &Face<'_>,
    glyphs: &Glyphs<'_>,
    subset: &[u8],
    pages: &[Vec<u8>],
    (title, language): (&str, &str),
) -> Result<Vec<u8>, String> {
    let mut pdf = Pdf::new();
    pdf.catalog(Ref::new(CATALOG)).pages(Ref::new(PAGES)).lang(TextStr(language));
    pdf.document_info(Ref::new(ABOUT)).title(TextStr(title));
    let mut kids = Vec::new();
    let mut next = FIRST_PAGE;
    for content in pages {
        let (page, stream) = (Ref::new(next), Ref::new(next + 1));
        next += 2;
        kids.push(page);
        let mut one = pdf.page(page);
        one.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(Ref::new(PAGES)).contents(stream);
        one.resources().fonts().pair(Name(b"F"), Ref::new(FONT));
        one.finish();
        let content = packed(content)?;
        pdf.stream(stream, &content).filter(Filter::FlateDecode);
    }
    let count = i32::try_from(kids.len()).map_err(|why| why.to_string())?;
    pdf.pages(Ref::new(PAGES)).kids(kids).count(count);
    embed(&mut pdf, face, glyphs, subset)?;
    Ok(pdf.finish())
}

/// The font as a composite one, whose codes are the numbers of glyphs in the subset (ISO 32000-1 §9.7).
fn embed(pdf: &mut Pdf, face: &Face<'_>, glyphs: &Glyphs<'_>, subset: &[u8]) -> Result<(), String> {
    let raw = RawFace::parse(subset, 0).map_err(|why| why.to_string())?;
    let cff = raw.table(Tag::from_bytes(b"CFF "));
    // Six letters say that it is a subset.
    let name = Name(b"NOROSH+Report");
    pdf.type0_font(Ref::new(FONT))
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(Ref::new(CID_FONT))
        .to_unicode(Ref::new(TO_UNICODE));
    let upem = f32::from(face.units_per_em());
    let scaled = |units: i16| f32::from(units) * 1000.0 / upem;
    let mut font = pdf.cid_font(Ref::new(CID_FONT));
    font.subtype(if cff.is_some() { CidFontType::Type0 } else { CidFontType::Type2 })
        .base_font(name)
        .system_info(SYSTEM)
        .font_descriptor(Ref::new(DESCRIPTOR))
        .default_width(1000.0);
    if cff.is_none() {
        font.cid_to_gid_map_predefined(Name(b"Identity"));
    }
    let mut widths = font.widths();
    for (code, (glyph, _)) in &glyphs.used {
        let advance = face.glyph_hor_advance(*glyph).unwrap_or(0);
        widths.consecutive(*code, [f32::from(advance) * 1000.0 / upem]);
    }
    widths.finish();
    font.finish();
    let bounds = face.global_bounding_box();
    let mut about = pdf.font_descriptor(Ref::new(DESCRIPTOR));
    about
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(
            scaled(bounds.x_min),
            scaled(bounds.y_min),
            scaled(bounds.x_max),
            scaled(bounds.y_max),
        ))
        .italic_angle(0.0)
        .ascent(scaled(face.ascender()))
        .descent(scaled(face.descender()))
        .cap_height(scaled(face.capital_height().unwrap_or(face.ascender())))
        .stem_v(80.0);
    if cff.is_some() {
        about.font_file3(Ref::new(FONT_FILE));
    } else {
        about.font_file2(Ref::new(FONT_FILE));
    }
    about.finish();
    let mut map = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
    for (code, (_, letter)) in &glyphs.used {
        map.pair(*code, *letter);
    }
    let map = map.finish();
    pdf.cmap(Ref::new(TO_UNICODE), &map);
    let file = packed(cff.unwrap_or(subset))?;
    let mut stream = pdf.stream(Ref::new(FONT_FILE), &file);
    stream.filter(Filter::FlateDecode);
    if cff.is_some() {
        stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_the_rules_of_setting_allow_it() {
        let check = |text: &str, width: f32, expected: &[&str]| {
            let wide = |letter: char| if u32::from(letter) >= 0x2e80 { 2.0 } else { 1.0 };
            assert_eq!(broken(text, width, wide), expected, "{text}");
        };
        check("one two three", 8.0, &["one two", "three"]);
        check("観測しました。次です", 12.0, &["観測しまし", "た。次です"]);
        check("これは「括弧」です", 8.0, &["これは", "「括弧」", "です"]);
        check("abcdefghij", 4.0, &["abcd", "efgh", "ij"]);
        check("a\n\nb", 4.0, &["a", "", "b"]);
        check("", 4.0, &[""]);
    }

    #[test]
    fn without_a_font_it_says_which_were_looked_for() {
        let none = Font::find(&["/nowhere/a.ttc#0".to_owned(), "/nowhere/b.ttf".to_owned()]);
        let why = none.err().unwrap().to_string();
        assert!(why.starts_with("NRS-INFL-1209") && why.contains("/nowhere/b.ttf"), "{why}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no.ttf");
        std::fs::write(&path, b"not a font").unwrap();
        let why = Font::find(&[path.display().to_string()]).err().unwrap().to_string();
        assert!(why.starts_with("NRS-INFL-1210"), "{why}");
    }

    #[test]
    fn a_report_has_its_letters_with_it_and_is_the_same_each_time() {
        let Ok(font) = Font::find(&crate::config::Influence::default().pdf_fonts) else {
            println!("no font: NOT CHECKED");
            return;
        };
        let rows =
            (0..120).map(|at| vec![format!("{at}"), "架空の仮名 acct:0123".repeat(4)]).collect();
        let blocks = [
            Block::Heading(1, "証拠の報告 Evidence".to_owned()),
            Block::Text("港の灯油について、同じ文が広がった。".repeat(20)),
            Block::Item("accounts that shared the same objects".to_owned()),
            Block::Table(vec![1, 5], vec!["番号".to_owned(), "説明".to_owned()], rows),
        ];
        let made = render(&font, ("報告", "ja", "架空"), &blocks).unwrap();
        assert_eq!(made, render(&font, ("報告", "ja", "架空"), &blocks).unwrap());
        assert!(made.starts_with(b"%PDF-") && made.len() < 200_000, "{}", made.len());
        let pages = made.windows(11).filter(|part| part == b"/Type /Page").count();
        assert!(pages > 3, "{pages}");
    }
}
