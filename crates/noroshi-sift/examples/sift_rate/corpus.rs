//! Logs and lists out of a seed: the same bytes every time, in the shape of what sensors write.
//!
//! Names lie under `.example`, addresses in 240.0.0.0/4, which is not assigned, and in `2001:db8::/32`. The last digit
//! of a name and the lowest bit of an address tell what is listed (odd) from what is not (even), so that nothing
//! matches by chance.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// One record in so many is selected, by one of the first so many selectors.
pub(crate) const HIT_EVERY: u64 = 1_000;
const HITTING: u64 = 10_000;

/// The networks of the side that looks.
pub(crate) const OWN: [&str; 2] = ["10.0.0.0/8", "2001:db8:a::/48"];

const SYLLABLES: [&str; 24] = [
    "ka", "ki", "ku", "ta", "to", "shi", "mo", "na", "ri", "ro", "an", "el", "web", "api", "cloud",
    "data", "soft", "mail", "news", "play", "blue", "hana", "yama", "kawa",
];
const PREFIXES: [&str; 8] = ["www", "api", "cdn", "static", "img", "login", "edge", "assets"];

/// The finish of `SplitMix64`.
const fn spread(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Numbers one after the other.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        spread(self.0)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Small numbers are many times more frequent than large ones, as with what people visit.
    fn rank(&mut self, limit: u64) -> u64 {
        let mut rank = limit;
        for _ in 0..3 {
            rank = self.below(rank) + 1;
        }
        rank - 1
    }
}

fn pick<'a>(words: &[&'a str], number: u64) -> &'a str {
    let at = usize::try_from(number % words.len() as u64).unwrap_or_default();
    words.get(at).copied().unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "some bits are wanted")]
fn v4(seed: u64, listed: bool) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xf000_0000 | (spread(seed) as u32 & 0x0fff_fffe) | u32::from(listed))
}

fn v6(seed: u64, listed: bool) -> Ipv6Addr {
    let low = u128::from(spread(seed) & !1) | u128::from(listed);
    Ipv6Addr::from_bits(0x2001_0db8_000b << 80 | u128::from(seed & 0xfff) << 64 | low)
}

/// A name with two labels; the number in it is odd where it is listed.
fn domain(seed: u64, listed: bool) -> String {
    let seed = spread(seed ^ 0xd0);
    let tail = ((seed >> 40) & 0xffff_fffe) | u64::from(listed);
    format!("{}{}{tail}.example", pick(&SYLLABLES, seed), pick(&SYLLABLES, seed >> 8))
}

fn host(rank: u64) -> String {
    let seed = spread(rank ^ 0x4057);
    match seed & 3 {
        0 => domain(rank / 3, false),
        _ => format!("{}.{}", pick(&PREFIXES, seed >> 8), domain(rank / 3, false)),
    }
}

fn path(seed: u64) -> String {
    let seed = spread(seed ^ 0x9a7);
    let (one, other) = (pick(&SYLLABLES, seed), pick(&SYLLABLES, seed >> 8));
    match seed >> 16 & 3 {
        0 => format!("/{one}{other}/index.html"),
        1 => format!("/{one}/{other}/{}.js", seed >> 44),
        2 => format!("/{one}?id={}&t={:x}", seed >> 40, seed & 0xff_ffff),
        _ => format!("/{one}{other}/img_{}.png", seed >> 48),
    }
}

fn digest(seed: u64) -> String {
    let words = [0, 1, 2, 3].map(|word| spread(seed ^ word << 56));
    let [a, b, c, d] = words;
    format!("{a:016x}{b:016x}{c:016x}{d:016x}")
}

/// What a selector looks for.
enum Listed {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Net(Ipv4Addr, u8),
    Name(String),
    Url(String, String),
    File(String),
    Certificate(String),
}

/// Half addresses of IPv4, three tenths names, a tenth locators, the rest addresses of IPv6, digests, prefixes.
fn listed(number: u64) -> Listed {
    let seed = spread(number ^ 0x1d1c);
    match spread(number ^ 0x717) % 1_000 {
        0..500 => Listed::V4(v4(seed, true)),
        500..800 => Listed::Name(domain(seed, true)),
        800..895 => Listed::Url(domain(seed, true), path(seed)),
        895..945 => Listed::V6(v6(seed, true)),
        945..985 => Listed::File(digest(seed)),
        985..995 => Listed::Certificate(digest(seed)),
        _ => Listed::Net(v4(seed, true), 24 + u8::try_from(seed % 5).unwrap_or_default()),
    }
}

/// Writes a list, one value a line; `plain` leaves out the words that say of which kind a digest is.
pub(crate) fn list(selectors: u64, plain: bool, sink: &mut impl Write) -> io::Result<()> {
    for number in 0..selectors {
        match listed(number) {
            Listed::V4(address) => writeln!(sink, "{address}")?,
            Listed::V6(address) => writeln!(sink, "{address}")?,
            // A prefix must not take in what is not listed: these lie where no record has an address.
            Listed::Net(address, length) => {
                let [_, a, b, c] = address.octets();
                writeln!(sink, "198.{}.{b}.{c}/{length}", 0x12 | (a & 1))?;
            }
            Listed::Name(name) => writeln!(sink, "{name}")?,
            Listed::Url(host, path) => writeln!(sink, "{host}{path}")?,
            Listed::Certificate(digest) if !plain => writeln!(sink, "cert:{digest}")?,
            Listed::File(digest) | Listed::Certificate(digest) => writeln!(sink, "{digest}")?,
        }
    }
    Ok(())
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Conn,
    Dns,
    Http,
    Ssl,
    File,
}

impl About {
    pub(crate) const LOGS: [Self; 4] = [Self::Conn, Self::Dns, Self::Http, Self::Ssl];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Conn => "conn",
            Self::Dns => "dns",
            Self::Http => "http",
            Self::Ssl => "ssl",
            Self::File => "fileinfo",
        }
    }

    pub(crate) const fn columns(self) -> &'static str {
        match self {
            Self::Conn => {
                "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state \
                 local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
            }
            Self::Dns => {
                "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto trans_id rtt query qclass qclass_name qtype \
                 qtype_name rcode rcode_name AA TC RD RA Z answers TTLs rejected"
            }
            Self::Http => {
                "ts uid id.orig_h id.orig_p id.resp_h id.resp_p trans_depth method host uri referrer version user_agent \
                 origin request_body_len response_body_len status_code status_msg info_code info_msg tags username \
                 password proxied orig_fuids orig_filenames orig_mime_types resp_fuids resp_filenames resp_mime_types"
            }
            Self::Ssl | Self::File => {
                "ts uid id.orig_h id.orig_p id.resp_h id.resp_p version cipher curve server_name resumed last_alert \
                 next_protocol established ssl_history cert_chain_fps client_cert_chain_fps sni_matches_cert"
            }
        }
    }
}

/// One communication, before a format gives it its form.
pub(crate) struct Record {
    pub(crate) about: About,
    micros: u64,
    seed: u64,
    src: String,
    dst: String,
    src_port: u64,
    dst_port: u64,
    name: String,
    path: String,
    answer: Ipv4Addr,
    sent: u64,
    got: u64,
}

/// Record after record; every [`HIT_EVERY`]th has one listed value.
pub(crate) struct Records {
    dice: Dice,
    number: u64,
    /// Whether every thirtieth record is about a file.
    files: bool,
}

impl Records {
    pub(crate) const fn new(seed: u64, files: bool) -> Self {
        Self { dice: Dice(seed), number: 0, files }
    }

    pub(crate) fn next(&mut self) -> Record {
        let dice = &mut self.dice;
        let number = self.number;
        self.number += 1;
        let about = match dice.below(100) {
            0..3 if self.files => About::File,
            0..55 => About::Conn,
            55..85 => About::Dns,
            85..90 => About::Http,
            _ => About::Ssl,
        };
        let client = dice.rank(6_000) * 37;
        let is_v6 = about == About::Conn && dice.below(100) < 8;
        let rank = dice.rank(900_000);
        let dst = match (about, is_v6) {
            (_, true) => v6(dice.rank(200_000), false).to_string(),
            (About::Dns, _) => format!("10.0.0.{}", 1 + client % 4),
            _ => v4(rank, false).to_string(),
        };
        let mut record = Record {
            about,
            micros: 1_790_000_000_000_000 + number * 431,
            seed: dice.next(),
            src: if is_v6 {
                format!("2001:db8:a::{:x}:{:x}", client >> 16, client & 0xffff)
            } else {
                format!("10.{}.{}.{}", client >> 16 & 255, client >> 8 & 255, client & 255)
            },
            dst,
            src_port: 1_024 + dice.below(64_000),
            dst_port: match about {
                About::Conn => *[443, 80, 53, 22]
                    .get(usize::try_from(dice.rank(5)).unwrap_or(4))
                    .unwrap_or(&8443),
                About::Dns => 53,
                About::Http => 80,
                About::Ssl | About::File => 443,
            },
            name: if about == About::Conn { String::new() } else { host(rank) },
            path: if about == About::Http { path(rank) } else { String::new() },
            answer: v4(rank, false),
            sent: dice.rank(60_000),
            got: dice.rank(900_000),
        };
        if number.is_multiple_of(HIT_EVERY) {
            hit(&mut record, dice);
        }
        record
    }
}

/// Puts one listed value where a record of its kind has such.
fn hit(record: &mut Record, dice: &mut Dice) {
    loop {
        match (listed(dice.below(HITTING)), record.about) {
            (Listed::V4(address), About::Conn | About::Http | About::Ssl | About::File) => {
                record.dst = address.to_string();
                if record.src.contains(':') {
                    "10.1.2.3".clone_into(&mut record.src);
                }
            }
            (Listed::V6(address), About::Conn) => record.dst = address.to_string(),
            (Listed::V4(address), About::Dns) => record.answer = address,
            (Listed::Name(name), About::Dns | About::Http | About::Ssl) => record.name = name,
            (Listed::Url(host, path), About::Http) => (record.name, record.path) = (host, path),
            _ => continue,
        }
        return;
    }
}

/// The lines before the first record of a table.
pub(crate) fn table_head(about: About, sink: &mut impl Write) -> io::Result<()> {
    let columns = about.columns().replace(' ', "\t");
    write!(sink, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n")?;
    writeln!(sink, "#path\t{}\n#open\t2026-11-23-00-00-00\n#fields\t{columns}", about.name())
}

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36",
    "curl/8.5.0",
];

/// One line of a Zeek table.
pub(crate) fn table_row(record: &Record, sink: &mut impl Write) -> io::Result<()> {
    let Record { about, micros, seed, src, dst, src_port, dst_port, name, path, answer, sent, got } =
        record;
    let (second, micro) = (micros / 1_000_000, micros % 1_000_000);
    write!(sink, "{second}.{micro:06}\tC{seed:016x}\t{src}\t{src_port}\t{dst}\t{dst_port}\t")?;
    match about {
        About::Conn => writeln!(
            sink,
            "tcp\tssl\t{}.{micro:06}\t{sent}\t{got}\tSF\tT\tF\t0\tShADadFf\t{}\t{}\t{}\t{}\t-",
            seed % 60,
            sent / 700 + 4,
            sent + 160,
            got / 1300 + 3,
            got + 120
        ),
        About::Dns => writeln!(
            sink,
            "udp\t{}\t0.0{micro:05}\t{name}\t1\tC_INTERNET\t1\tA\t0\tNOERROR\tF\tF\tT\tT\t0\t{answer}\t{}.000000\tF",
            seed & 0xffff,
            seed >> 20 & 0xfff
        ),
        About::Http => writeln!(
            sink,
            "1\tGET\t{name}\t{path}\t-\t1.1\t{}\t-\t0\t{got}\t200\tOK\t-\t-\t(empty)\t-\t-\t-\t-\t-\t-\tF{seed:016x}\t-\ttext/html",
            pick(&AGENTS, *seed)
        ),
        About::Ssl | About::File => writeln!(
            sink,
            "TLSv13\tTLS_AES_128_GCM_SHA256\tx25519\t{name}\tF\t-\th2\tT\tCsxknGIi\t{},{}\t(empty)\tT",
            digest(seed & 0xffff),
            digest(seed & 0xff)
        ),
    }
}

/// One line of EVE.
pub(crate) fn eve_line(record: &Record, sink: &mut impl Write) -> io::Result<()> {
    let Record { about, micros, seed, src, dst, src_port, dst_port, name, path, answer, sent, got } =
        record;
    let time = |micros: u64| {
        let day = micros / 1_000_000 % 86_400;
        let (hour, minute, second) = (day / 3_600, day / 60 % 60, day % 60);
        format!("2026-09-21T{hour:02}:{minute:02}:{second:02}.{:06}+0000", micros % 1_000_000)
    };
    let (kind, proto) = match about {
        About::Conn => ("flow", "TCP"),
        About::Dns => ("dns", "UDP"),
        About::Http => ("http", "TCP"),
        About::Ssl => ("tls", "TCP"),
        About::File => ("fileinfo", "TCP"),
    };
    write!(
        sink,
        r#"{{"timestamp":"{}","flow_id":{},"in_iface":"eth0","event_type":"{kind}","src_ip":"{src}","src_port":{src_port},"dest_ip":"{dst}","dest_port":{dst_port},"proto":"{proto}","pkt_src":"wire/pcap","#,
        time(*micros),
        seed >> 12
    )?;
    match about {
        About::Conn => writeln!(
            sink,
            r#""app_proto":"tls","flow":{{"pkts_toserver":{},"pkts_toclient":{},"bytes_toserver":{sent},"bytes_toclient":{got},"start":"{}","end":"{}","age":{},"state":"closed","reason":"timeout","alerted":false}},"community_id":"1:{seed:016x}{sent:08x}=","tcp":{{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b","syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}}}"#,
            sent / 700 + 4,
            got / 1300 + 3,
            time(*micros),
            time(micros + seed % 60_000_000),
            seed % 60
        ),
        About::Dns => writeln!(
            sink,
            r#""dns":{{"version":3,"type":"response","id":{},"tx_id":1,"flags":"8180","qr":true,"rd":true,"ra":true,"opcode":0,"rcode":"NOERROR","queries":[{{"rrname":"{name}","rrtype":"A"}}],"answers":[{{"rrname":"{name}","rrtype":"A","ttl":{},"rdata":"{answer}"}}],"grouped":{{"A":["{answer}"]}}}}}}"#,
            seed & 0xffff,
            seed >> 20 & 0xfff
        ),
        About::Http => writeln!(
            sink,
            r#""tx_id":0,"http":{{"hostname":"{name}","url":"{path}","http_user_agent":"{}","http_content_type":"text/html","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":{got}}}}}"#,
            pick(&AGENTS, *seed)
        ),
        About::Ssl => writeln!(
            sink,
            r#""tls":{{"subject":"CN={name}","issuerdn":"C=XX, O=Example CA, CN=R11","serial":"04:{:02X}:{:02X}","fingerprint_sha256":"{}","sni":"{name}","version":"TLS 1.3","notbefore":"2026-10-01T00:00:00","notafter":"2026-12-30T00:00:00","ja3":{{"hash":"{:016x}{:016x}"}},"ja4":"t13d1516h2_8daaf6152771_b0da82dd1658"}}}}"#,
            seed & 255,
            seed >> 8 & 255,
            digest(seed & 0xffff),
            spread(seed & 31),
            spread(seed & 31 | 64)
        ),
        About::File => writeln!(
            sink,
            r#""http":{{"hostname":"{name}","url":"/dl"}},"fileinfo":{{"filename":"/dl","state":"CLOSED","stored":false,"size":{got},"sha256":"{}","tx_id":0}}}}"#,
            digest(seed & 0xff_ffff)
        ),
    }
}
