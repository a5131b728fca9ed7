//! What a client of Postgres asked, from the bytes that it sent.

use std::collections::BTreeMap;

/// The statements of each transaction, in order; what is outside of one is left out.
pub(super) fn transactions(sent: &[u8]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut open: Option<Vec<String>> = None;
    for statement in statements(sent) {
        let words = statement.to_lowercase();
        if words.starts_with("begin") {
            open = Some(vec![words]);
        } else if words.starts_with("commit") || words.starts_with("rollback") {
            all.extend(open.take());
        } else if let Some(open) = &mut open {
            open.push(words);
        }
    }
    all
}

/// Executed statements: simple ones, and prepared ones when they are bound.
pub(crate) fn statements(sent: &[u8]) -> Vec<String> {
    let mut rest = sent;
    // The first messages have no type: whether TLS is spoken, then who we are.
    while let Some((length, 0)) = head(rest).map(|length| (length, rest[0])) {
        rest = &rest[length..];
    }
    let (mut prepared, mut executed) = (BTreeMap::new(), Vec::new());
    while let Some((&kind, message)) = rest.split_first() {
        let Some(length) = head(message).filter(|length| *length <= message.len()) else {
            break;
        };
        let (body, next) = (&message[4..length], &message[length..]);
        match kind {
            b'Q' => executed.push(text(body).0),
            b'P' => {
                let (name, after) = text(body);
                prepared.insert(name, text(after).0);
            }
            b'B' => {
                let (_portal, after) = text(body);
                executed.push(prepared[&text(after).0].clone());
            }
            _ => {}
        }
        rest = next;
    }
    executed
}

/// The length that a message says it has, itself included.
fn head(message: &[u8]) -> Option<usize> {
    let length = message.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

/// A text that ends with a zero, and what follows it.
fn text(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let rest = bytes.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), rest)
}

#[test]
fn statements_are_read_from_what_was_sent() {
    let message = |kind: &[u8], body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [kind, &length[..], body].concat()
    };
    let sent = [
        message(b"", &80_877_103_u32.to_be_bytes()),
        message(b"", b"\0\x03\0\0user\0me\0\0"),
        message(b"Q", b"BEGIN\0"),
        message(b"P", b"s1\0select 1\0\0\0"),
        message(b"B", b"\0s1\0\0\0\0\0\0\0"),
        message(b"E", b"\0\0\0\0\0"),
        message(b"B", b"\0s1\0\0\0\0\0\0\0"),
        message(b"Q", b"COMMIT\0"),
        message(b"Q", b"select 2\0"),
    ];
    assert_eq!(
        transactions(&sent.concat()),
        [["begin", "select 1", "select 1"]]
    );
}
