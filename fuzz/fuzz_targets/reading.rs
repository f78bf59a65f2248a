//! Messages of meters, signed one by one (MR1) and together (MR2): what is read is written the same
//! again, and each reading of a message that was signed together stands alone with its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reading::{SignedReading, TOGETHER_MAX, decode_together, encode_together};

fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = SignedReading::decode(data) {
        assert_eq!(signed.encode(), data);
    }
    let Ok(readings) = decode_together(data) else { return };
    assert!((2..=TOGETHER_MAX).contains(&readings.len()));
    let count = readings.len();
    let sound: Vec<SignedReading> = readings.into_iter().flatten().collect();
    for signed in &sound {
        assert!(signed.place.is_some());
        assert_eq!(SignedReading::decode(&signed.encode()).as_ref(), Ok(signed));
    }
    if sound.len() == count {
        assert_eq!(encode_together(&sound), data);
    }
});
