//! SHA-256 on words (FIPS 180-4): the constants, the functions and the compression.

/// The initial state.
pub(crate) const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The constants of the rounds.
#[rustfmt::skip]
pub(crate) const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
    0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
    0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
    0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
    0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
    0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
    0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
    0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
    0xc671_78f2,
];

/// The word that ends a message of whole words.
pub(crate) const END: u32 = 0x8000_0000;
/// Length of seal hash and nonce.
pub(crate) const PREIMAGE_BITS: u32 = 320;
/// Length of a digest.
pub(crate) const DIGEST_BITS: u32 = 256;

/// The function that extends a message by the word fifteen before.
pub(crate) const fn small_sigma_0(word: u32) -> u32 {
    word.rotate_right(7) ^ word.rotate_right(18) ^ (word >> 3)
}

/// The function that extends a message by the word two before.
pub(crate) const fn small_sigma_1(word: u32) -> u32 {
    word.rotate_right(17) ^ word.rotate_right(19) ^ (word >> 10)
}

pub(crate) const fn big_sigma_0(word: u32) -> u32 {
    // Rotations by 2, 13 and 22, each of what the one before left: fewer copies.
    ((word.rotate_right(9) ^ word).rotate_right(11) ^ word).rotate_right(2)
}

pub(crate) const fn big_sigma_1(word: u32) -> u32 {
    // Rotations by 6, 11 and 25.
    ((word.rotate_right(14) ^ word).rotate_right(5) ^ word).rotate_right(6)
}

pub(crate) const fn choose(e: u32, f: u32, g: u32) -> u32 {
    g ^ (e & (f ^ g))
}

/// Written so that `b ^ c` is what the round before had as `a ^ b`.
pub(crate) const fn majority(a: u32, b: u32, c: u32) -> u32 {
    b ^ ((a ^ b) & (b ^ c))
}

/// One round; `scheduled` is the sum of the message's word and the round's constant.
pub(crate) fn round(state: [u32; 8], scheduled: u32) -> [u32; 8] {
    let [a, b, c, d, e, f, g, h] = state;
    let to_both =
        h.wrapping_add(scheduled).wrapping_add(choose(e, f, g)).wrapping_add(big_sigma_1(e));
    let to_first = big_sigma_0(a).wrapping_add(majority(a, b, c));
    [to_both.wrapping_add(to_first), a, b, c, d.wrapping_add(to_both), e, f, g]
}

/// The state after one block.
pub(crate) fn compress(before: &[u32; 8], block: &[u32; 16]) -> [u32; 8] {
    let (mut state, mut words) = (*before, *block);
    for (at, constant) in K.into_iter().enumerate() {
        let this = at % 16;
        if at >= 16 {
            words[this] = words[this]
                .wrapping_add(small_sigma_0(words[(at + 1) % 16]))
                .wrapping_add(words[(at + 9) % 16])
                .wrapping_add(small_sigma_1(words[(at + 14) % 16]));
        }
        state = round(state, constant.wrapping_add(words[this]));
    }
    std::array::from_fn(|at| before[at].wrapping_add(state[at]))
}
