//! The first bytes of a peer.

use offspring::ErrorKind;
use offspring::wire::{Hello, Parsed};

use super::{Verdict, check_text};

/// Reads the bytes as a hello: no prefix of it says anything else, it can be written again, and both sides agree on
/// what they have in common.
pub fn hello(bytes: &[u8]) -> Verdict {
    match Hello::parse(bytes) {
        Ok(Parsed::Complete { len, value }) => {
            assert!(len <= bytes.len() && len <= 4096, "{len}");
            check_prefixes(bytes, len);
            check_again(&value);
            check_agreement(&value);
            if len < bytes.len() {
                Err(ErrorKind::Malformed)
            } else {
                Ok(())
            }
        }
        Ok(Parsed::Incomplete { need }) => {
            assert!(bytes.len() < need && need <= 4096, "{need}");
            check_prefixes(bytes, need);
            Err(ErrorKind::Truncated)
        }
        Ok(other) => panic!("nobody knows {other:?}"),
        Err(error) => {
            check_text(&error);
            assert_eq!(error.kind(), ErrorKind::Protocol);
            // What is wrong cannot be made good by more bytes.
            let more = [bytes, &[0; 64]].concat();
            assert!(Hello::parse(&more).is_err());
            Err(error.kind())
        }
    }
}

/// Each beginning of what may be a hello asks for more, but for no more than there will be.
fn check_prefixes(bytes: &[u8], len: usize) {
    for known in 0..len.min(bytes.len()) {
        match Hello::parse(&bytes[..known]) {
            Ok(Parsed::Incomplete { need }) => {
                assert!(known < need && need <= len, "{known}, {need}, {len}")
            }
            other => panic!("{known} of {len} bytes are {other:?}"),
        }
    }
}

fn check_again(value: &Hello) {
    let mut again = Vec::new();
    value.encode(&mut again);
    assert!(again.len() <= 4096);
    let parsed = Parsed::Complete {
        len: again.len(),
        value: value.clone(),
    };
    assert_eq!(Hello::parse(&again).ok(), Some(parsed));
}

fn check_agreement(peer: &Hello) {
    let mut ours = vec![
        Hello::new(),
        Hello::new().with_refusal("no room"),
        peer.clone(),
    ];
    if let Some((name, versions)) = peer.protocol() {
        for versions in [0..=0, *versions.end()..=u32::MAX, 0..=*versions.start()] {
            ours.extend(Hello::new().with_protocol(name, versions));
        }
        ours.extend(Hello::new().with_protocol("another", versions));
    }
    for ours in ours {
        match (ours.agree(peer), peer.agree(&ours)) {
            (Ok(here), Ok(there)) => {
                assert_eq!((ours.refusal(), peer.refusal()), (None, None));
                assert_eq!(here.wire_version(), there.wire_version());
                assert_eq!(here.protocol_version(), there.protocol_version());
                assert_eq!(here.max_message(), peer.max_message());
                for side in [&ours, peer] {
                    assert!(side.wire_versions().contains(&here.wire_version()));
                    let of_side = side.protocol().map(|(_, versions)| versions);
                    match (of_side, here.protocol_version()) {
                        (None, None) => {}
                        (Some(versions), Some(version)) => assert!(versions.contains(&version)),
                        other => panic!("{other:?}"),
                    }
                }
            }
            (Err(here), Err(there)) => {
                let refused = ours.refusal().or(peer.refusal()).is_some();
                for error in [here, there] {
                    check_text(&error);
                    let is_refusal = error.kind() == ErrorKind::Refused;
                    assert!(is_refusal == refused, "{error}");
                    assert!(is_refusal || error.kind() == ErrorKind::Incompatible);
                }
                assert!(refused || ours != *peer, "a side fits itself");
            }
            other => panic!("one side agrees, the other does not: {other:?}"),
        }
    }
}
