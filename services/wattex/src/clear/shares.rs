//! Shares of what is allocated, from a file; every fault is named by file, line and column.

use std::collections::HashSet;
use std::path::Path;

use matching::Share;

use super::book::owner;
use crate::data::DataError;
use crate::rows::{Columns, read as read_rows};

/// The columns of a file of shares.
const COLUMNS: Columns = Columns { known: &["account", "weight"], needed: &["account", "weight"] };

/// Reads shares: JSON where the file's name ends so, else CSV. Accounts are those of the book; one
/// that has no order there takes its part of the sum all the same.
pub(super) fn read(path: &Path) -> Result<Vec<Share>, DataError> {
    let mut seen = HashSet::new();
    let share = |row: crate::rows::Row| {
        let account = row.needed("account")?;
        if !seen.insert(account.to_owned()) {
            return Err(row.error("account", format!("{account:?} stands here a second time")));
        }
        let weight = row.needed("weight")?;
        let fault = || row.error("weight", format!("{weight:?} is no whole number of parts"));
        Ok(Share { owner: owner(account), weight: weight.parse().map_err(|_| fault())? })
    };
    let shares: Vec<Share> =
        read_rows(path, &COLUMNS)?.into_iter().map(share).collect::<Result<_, _>>()?;
    if shares.iter().all(|share| share.weight == 0) {
        let reason = "nobody has a part".to_owned();
        return Err(DataError::File { file: path.to_owned(), reason });
    }
    Ok(shares)
}
