//! How can an answer be corrupted on the wire?

use super::{CORRUPT, position};

/// One kind of corruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// Not a byte of it arrives before the connection ends.
    Nothing(How),
    /// Half of its first line arrives.
    HalfOfTheHead(How),
    /// Half of its body arrives.
    HalfOfTheBody(How),
    /// All of it arrives, but so slowly that it takes forever.
    Whole(How),
    /// A TLS alert.
    TlsAlert,
    /// Random bytes.
    Noise,
    /// A version of HTTP that does not exist.
    Version,
    /// A head with a header of 1 MiB.
    HugeHead,
    /// Two different lengths.
    TwoLengths,
    /// A length of half of the body.
    ShortLength,
    /// No length: the body ends with the connection. HTTP allows this.
    NoLength,
    /// Invalid chunks.
    NoisyChunks,
    /// Chunks without the last one.
    NoLastChunk,
    /// Interim answers (1xx) precede it. HTTP allows this.
    Interim,
    /// A header that claims compression.
    Compressed,
    /// A status that OSB does not specify.
    OddStatus,
    /// A header that claims HTML. Real brokers do that.
    Html,
    /// 64 MiB of blanks follow it.
    HugeBody,
    /// A redirect to the same URL.
    Redirect,
    /// A body with every member twice.
    Twice,
}

use Corruption::{
    Compressed, HalfOfTheBody, HalfOfTheHead, Html, HugeBody, HugeHead, Interim, NoLastChunk, NoLength,
    Noise, NoisyChunks, Nothing, OddStatus, Redirect, ShortLength, TlsAlert, Twice, TwoLengths, Version,
    Whole,
};

/// How the answer ends, after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// The connection stays open without further bytes.
    Silence,
    /// The bytes arrive one by one, so slowly that the caller times out first.
    Drip,
}

use How::{Close, Drip, Reset, Silence};

/// The corruptions that let no complete answer arrive, so the operator cannot know whether the request was executed.
pub const UNANSWERED: &[Corruption] = &[
    Nothing(Close),
    Nothing(Reset),
    Nothing(Silence),
    HalfOfTheHead(Close),
    HalfOfTheHead(Reset),
    HalfOfTheHead(Silence),
    Whole(Drip),
    TlsAlert,
    Noise,
    Version,
    HugeHead,
    TwoLengths,
];

/// The corruptions that let an answer arrive.
pub const ANSWERED: &[Corruption] = &[
    HalfOfTheBody(Close),
    HalfOfTheBody(Reset),
    HalfOfTheBody(Silence),
    ShortLength,
    NoLength,
    NoisyChunks,
    NoLastChunk,
    Interim,
    Compressed,
    OddStatus,
    Html,
    HugeBody,
    Twice,
];

impl Corruption {
    /// The corruption that an answer's header names.
    pub fn of(answer: &[u8]) -> Option<Self> {
        let end = position(answer, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let wanted = head.lines().find_map(|line| line.strip_prefix(CORRUPT)?.strip_prefix(": "))?;
        let all = [UNANSWERED, ANSWERED, &[Redirect]].concat();
        all.into_iter().find(|corruption| format!("{corruption:?}") == wanted)
    }

    /// The bytes of the answer that arrive, and how it ends.
    pub fn apply(self, answer: &[u8]) -> (Vec<u8>, How) {
        let end = position(answer, b"\r\n\r\n").unwrap() + 4;
        let (head, body) = answer.split_at(end);
        let status = String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_owned();
        let length = format!("Content-Length: {}", body.len());
        let with = |lines: &[&str], body: &[u8]| {
            let head = [&[status.as_str()], lines, &["", ""]].concat().join("\r\n");
            [head.as_bytes(), body].concat()
        };
        let half = &body[..body.len() / 2];
        let bytes = match self {
            Nothing(_) => Vec::new(),
            HalfOfTheHead(_) => status.as_bytes()[..status.len() / 2].to_vec(),
            HalfOfTheBody(_) => with(&[&length], half),
            Whole(_) => answer.to_vec(),
            TlsAlert => vec![0x15, 3, 3, 0, 2, 2, 40],
            Noise => (0..=u8::MAX).cycle().step_by(89).take(4096).collect(),
            Version => [b"HTTP/9.9 200 OK\r\n", &with(&[&length], body)[status.len() + 2..]].concat(),
            HugeHead => with(&[&length, &format!("X-Long: {}", "x".repeat(1 << 20))], body),
            TwoLengths => with(&[&length, "Content-Length: 7"], body),
            ShortLength => with(&[&format!("Content-Length: {}", half.len())], body),
            NoLength => with(&["Connection: close"], body),
            NoisyChunks => with(&["Transfer-Encoding: chunked"], &[b"xyz\r\n", body].concat()),
            NoLastChunk => {
                let chunk = format!("{:x}\r\n{}\r\n", body.len(), String::from_utf8_lossy(body));
                with(&["Transfer-Encoding: chunked"], chunk.as_bytes())
            }
            Interim => [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", answer].concat(),
            Compressed => with(&[&length, "Content-Encoding: gzip"], body),
            OddStatus => [b"HTTP/1.1 203 OK\r\n", &with(&[&length], body)[status.len() + 2..]].concat(),
            Html => with(&[&length, "Content-Type: text/html; charset=latin1"], body),
            HugeBody => {
                let huge = [body, " ".repeat(64 << 20).as_bytes()].concat();
                with(&[&format!("Content-Length: {}", huge.len())], &huge)
            }
            Redirect => b"HTTP/1.1 307 Over There\r\nLocation: \r\nContent-Length: 0\r\n\r\n".to_vec(),
            Twice => twice(body, |length, body| with(&[length], body)),
        };
        (bytes, self.end())
    }

    fn end(self) -> How {
        match self {
            Nothing(how) | HalfOfTheHead(how) | HalfOfTheBody(how) | Whole(how) => how,
            _ => Close,
        }
    }
}

/// `{"a": 1}` becomes `{"a": 1,"a": 1}`.
fn twice(body: &[u8], with: impl FnOnce(&str, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let inner = body.get(1..body.len().saturating_sub(1)).unwrap_or_default();
    let between: &[u8] = if inner.is_empty() { b"" } else { b"," };
    let doubled = [b"{", inner, between, inner, b"}"].concat();
    with(&format!("Content-Length: {}", doubled.len()), &doubled)
}
