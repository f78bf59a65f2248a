//! Every batch mechanism against worked numbers, against its slow twin, and against its promises.

pub(crate) mod books;
mod efficiency;
mod figures;
mod names;
mod promises;
pub(crate) mod twin;
mod vectors;
mod worth_lying;
