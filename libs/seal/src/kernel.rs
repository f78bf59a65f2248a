//! Both compressions for as many nonces as a vector has lanes, written once for every vector.
//!
//! Whoever uses [`kernel!`] has `splat`, `add` and the six functions of SHA-256 in scope, over the
//! vector type. The expansion is `top_words`: the first word of the pow hashes of the nonces whose
//! low halves are in the lanes.

/// One round on a state that is an array.
macro_rules! step {
    ($state:ident, $scheduled:expr) => {{
        let [a, b, c, d, e, f, g, h] = $state;
        let to_both = add(add(h, $scheduled), add(choose(e, f, g), big_sigma_1(e)));
        let to_first = add(big_sigma_0(a), majority(a, b, c));
        $state = [add(to_both, to_first), a, b, c, add(d, to_both), e, f, g];
    }};
}

/// Rounds over words of the ring `$words`, each set just before, in steps of one.
macro_rules! steps {
    ($state:ident, $words:ident, $($at:literal = $word:expr;)+) => {
        $(
            $words[$at % 16] = $word;
            step!($state, add($words[$at % 16], splat(K[$at])));
        )+
    };
}

/// Sixteen rounds with these constants, the message extended by its rule.
macro_rules! sixteen_steps {
    ($state:ident, $words:ident, $constants:ident, $($at:literal)+) => {
        $(
            let near = add(small_sigma_1($words[($at + 14) % 16]), $words[($at + 9) % 16]);
            let far = add(small_sigma_0($words[($at + 1) % 16]), $words[$at]);
            $words[$at] = add(near, far);
            step!($state, add($words[$at], splat($constants[$at])));
        )+
    };
}

/// `top_words(&Prefix, low halves) -> first words`, for one type of vector.
macro_rules! kernel {
    ($(#[$feature:meta])? $vector:ty) => {
        use $crate::kernel::{sixteen_steps, step, steps};
        use $crate::prefix::Prefix;
        use $crate::words::{DIGEST_BITS, END, IV, K, PREIMAGE_BITS};

        $(#[$feature])?
        #[inline]
        fn top_words(prefix: &Prefix, low: $vector) -> $vector {
            second_block(first_block(prefix, low))
        }

        /// The last 32 rounds.
        $(#[$feature])?
        #[inline]
        fn last_rounds(mut state: [$vector; 8], mut words: [$vector; 16]) -> [$vector; 8] {
            let (sixteens, _) = K.as_chunks::<16>();
            for constants in &sixteens[2..] {
                sixteen_steps!(state, words, constants, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            }
            state
        }

        $(#[$feature])?
        #[inline]
        fn first_block(prefix: &Prefix, low: $vector) -> [$vector; 8] {
            let mut state = prefix.after_high.map(|word| splat(word));
            let mut words = [splat(0); 16];
            let s0 = |word| small_sigma_0(word);
            let s1 = |word| small_sigma_1(word);
            let known = |at: usize| splat(prefix.extension[at - 16]);
            step!(state, add(low, splat(K[9])));
            step!(state, splat(K[10].wrapping_add(END)));
            step!(state, splat(K[11]));
            step!(state, splat(K[12]));
            step!(state, splat(K[13]));
            step!(state, splat(K[14]));
            step!(state, splat(K[15].wrapping_add(PREIMAGE_BITS)));
            steps! { state, words,
                16 = add(known(16), low);
                17 = known(17);
                18 = add(known(18), s1(words[0]));
                19 = known(19);
                20 = add(known(20), s1(words[2]));
                21 = known(21);
                22 = add(known(22), s1(words[4]));
                23 = add(known(23), words[0]);
                24 = add(known(24), add(s1(words[6]), s0(low)));
                25 = add(add(known(25), low), add(s1(words[7]), words[2]));
                26 = add(known(26), s1(words[8]));
                27 = add(known(27), add(s1(words[9]), words[4]));
                28 = add(known(28), s1(words[10]));
                29 = add(known(29), add(s1(words[11]), words[6]));
                30 = add(known(30), add(s1(words[12]), words[7]));
                31 = add(add(known(31), s0(words[0])), add(s1(words[13]), words[8]));
            }
            let state = last_rounds(state, words);
            let mut digest = [splat(0); 8];
            for (place, (word, before)) in digest.iter_mut().zip(state.into_iter().zip(IV)) {
                *place = add(word, splat(before));
            }
            digest
        }

        $(#[$feature])?
        #[inline]
        fn second_block(digest: [$vector; 8]) -> $vector {
            let mut state = IV.map(|word| splat(word));
            let mut words = [splat(0); 16];
            let s0 = |word| small_sigma_0(word);
            let s1 = |word| small_sigma_1(word);
            let of = $crate::words::small_sigma_0;
            for (word, constant) in digest.into_iter().zip(K) {
                step!(state, add(word, splat(constant)));
            }
            step!(state, splat(K[8].wrapping_add(END)));
            for constant in &K[9..15] {
                step!(state, splat(*constant));
            }
            step!(state, splat(K[15].wrapping_add(DIGEST_BITS)));
            steps! { state, words,
                16 = add(digest[0], s0(digest[1]));
                17 = add(add(digest[1], s0(digest[2])), s1(splat(DIGEST_BITS)));
                18 = add(add(digest[2], s0(digest[3])), s1(words[0]));
                19 = add(add(digest[3], s0(digest[4])), s1(words[1]));
                20 = add(add(digest[4], s0(digest[5])), s1(words[2]));
                21 = add(add(digest[5], s0(digest[6])), s1(words[3]));
                22 = add(add(digest[6], s0(digest[7])), add(s1(words[4]), splat(DIGEST_BITS)));
                23 = add(add(digest[7], splat(of(END))), add(s1(words[5]), words[0]));
                24 = add(splat(END), add(s1(words[6]), words[1]));
                25 = add(s1(words[7]), words[2]);
                26 = add(s1(words[8]), words[3]);
                27 = add(s1(words[9]), words[4]);
                28 = add(s1(words[10]), words[5]);
                29 = add(s1(words[11]), words[6]);
                30 = add(splat(of(DIGEST_BITS)), add(s1(words[12]), words[7]));
                31 = add(add(splat(DIGEST_BITS), s0(words[0])), add(s1(words[13]), words[8]));
            }
            let [top, ..] = last_rounds(state, words);
            add(top, splat(IV[0]))
        }
    };
}

pub(crate) use {kernel, sixteen_steps, step, steps};
