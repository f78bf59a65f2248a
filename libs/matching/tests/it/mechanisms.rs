//! Every batch mechanism against worked numbers, against its slow twin, and against its promises.

mod books;
mod efficiency;
mod figures;
mod names;
mod promises;
mod twin;
mod vectors;
mod worth_lying;
