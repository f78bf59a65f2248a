//! Votes and certificates on disk, and a head that moves without a new block.

use super::tables::{CERTIFICATE, FINALIZED, META, VOTES};
use super::{Store, StoreError, append};
use chain::HeadChange;
use chain::checkpoint::{Certificate, Vote};
use redb::{ReadableDatabase, ReadableTable, TableError};

impl Store {
    /// The votes of this node above the last certificate, the lowest first.
    pub fn votes(&self) -> Result<Vec<Vote>, StoreError> {
        let transaction = self.database.begin_read()?;
        let votes = match transaction.open_table(VOTES) {
            Ok(votes) => votes,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let decode = |rlp: &[u8]| {
            let malformed = |error| StoreError::Damaged(format!("a vote: {error}"));
            alloy_rlp::decode_exact(rlp).map_err(malformed)
        };
        votes.iter()?.map(|row| decode(row?.1.value())).collect()
    }

    /// The newest certificate of a block on the best branch.
    pub fn certificate(&self) -> Result<Option<Certificate>, StoreError> {
        let transaction = self.database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let Some(rlp) = meta.get(CERTIFICATE)? else { return Ok(None) };
        let malformed = |error| StoreError::Damaged(format!("the certificate: {error}"));
        alloy_rlp::decode_exact(rlp.value()).map(Some).map_err(malformed)
    }

    /// Keeps a vote of this node; durable when it returns, so that it can be sent. Refused if
    /// another block was voted for at this height.
    pub fn keep_vote(&self, vote: &Vote) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        {
            let mut votes = transaction.open_table(VOTES)?;
            let rlp = alloy_rlp::encode(vote);
            let before = votes.insert(vote.checkpoint.height, rlp.as_slice())?;
            if before.is_some_and(|before| before.value() != rlp.as_slice()) {
                let height = vote.checkpoint.height;
                return Err(StoreError::Damaged(format!("two votes at height {height}")));
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Makes a block of the best branch final; its certificate replaces the one before.
    pub fn finalize(&self, certificate: &Certificate) -> Result<(), StoreError> {
        let height = certificate.checkpoint.height;
        let transaction = self.database.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(CERTIFICATE, alloy_rlp::encode(certificate).as_slice())?;
            meta.insert(FINALIZED, height.to_be_bytes().as_slice())?;
            let mut votes = transaction.open_table(VOTES)?;
            votes.retain_in(..=height, |_, _| false)?;
        }
        transaction.commit()?;
        self.written();
        Ok(())
    }

    /// Moves the head to stored blocks of another branch.
    pub fn move_head(&self, change: &HeadChange, finality_lag: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        let recent = self.recent(&transaction)?;
        let (_, moved) =
            append::move_head(&transaction, change, finality_lag, (recent.clone(), None))?;
        self.hold(|held| held.recent = [recent, moved]);
        transaction.commit()?;
        self.written();
        Ok(())
    }
}
