//! One market's desk: the queue, the book that readers share, and where it stands in this process.

use std::sync::{Arc, Mutex};

use alloy_primitives::B256;
use anyhow::{Result, anyhow, bail};
use calendar::Timestamp;
use client::Sender;
use contracts::Deployment;
use db::Db;
use ids::{AccountId, EventId, OrderId, PartyId};
use keys::SecretKey;
use service::Clock;
use tokio::sync::{RwLock, RwLockReadGuard, mpsc, oneshot};
use tokio::time::Instant;

use super::guard::Presence;
use super::rules::{Refusals, RuleRefusal};
use super::standing::{Report, Standing, State};
use super::writer::{Snapshots, Writer};
use crate::db::{Replayed, lease, replay};
use crate::domain::{
    Accepted, Change, Commitment, Entry, Exchange, NewCommitment, NewOrder, Opening, Parameters,
    Rejection, RuleName, StruckTrade,
};

/// Commands that may wait for the writer; more are refused.
pub const COMMANDS_MAX: usize = 4_096;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The machine says no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Too many commands wait.
    #[error("too many commands wait")]
    Busy,
    /// Another process writes this market.
    #[error("another process writes this market")]
    StandingBy,
    /// The market stands still, since its journal is damaged.
    #[error("the journal of {market} is damaged at entry {place}: {why}")]
    Damaged {
        /// Which market.
        market: String,
        /// The place of the entry in its journal.
        place: i64,
        /// What is wrong with it.
        why: String,
    },
    /// The world failed.
    #[error("the market could not carry out the command")]
    Fault(#[source] anyhow::Error),
}

/// The answer to a command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The order as it stands now.
    pub order: Accepted,
    /// Whether it stood like this before.
    pub repeated: bool,
    /// What it has traded before the gate, in its order.
    pub trades: Vec<StruckTrade>,
}

/// The answer to a commitment that was taken in, or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedIn {
    /// The commitment as it stands now.
    pub commitment: Commitment,
    /// Whether it stood like this before.
    pub repeated: bool,
}

/// What the writer is asked for.
pub(super) enum Command {
    /// Place an order.
    Place(Box<NewOrder>, oneshot::Sender<Result<Applied, Refused>>),
    /// Cancel an account's order.
    Cancel(OrderId, AccountId, oneshot::Sender<Result<Applied, Refused>>),
    /// Take a commitment in.
    Seal(Box<NewCommitment>, oneshot::Sender<Result<SealedIn, Refused>>),
    /// Give an account its commitment back.
    Withdraw(B256, AccountId, oneshot::Sender<Result<SealedIn, Refused>>),
    /// Open a commitment with an order.
    Open(Opening, Box<NewOrder>, oneshot::Sender<Result<Applied, Refused>>),
    /// Change who and what may trade, and how slots are cleared.
    Change(Change, PartyId, oneshot::Sender<Result<(), Refused>>),
    /// Apply what an event says.
    Facts(EventId, Vec<Entry>, oneshot::Sender<Result<()>>),
    /// Clear what is due.
    Tick(Timestamp, oneshot::Sender<Result<bool>>),
    /// Let another process write.
    HandOver(oneshot::Sender<Result<(), Refused>>),
}

/// What a desk works with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) sender: Arc<Sender>,
    /// Signs what standing rules place.
    pub(crate) delegate: Arc<SecretKey>,
    pub(crate) chain_id: u64,
    pub(crate) deployment: Deployment,
}

/// The desk of one community and grid area.
pub struct Desk {
    name: String,
    parameters: Arc<Parameters>,
    book: Arc<RwLock<Exchange>>,
    commands: mpsc::Sender<Command>,
    refused: Arc<Refusals<RuleName>>,
    shared: Arc<Refusals<AccountId>>,
    state: Arc<State>,
}

impl Desk {
    /// Rebuilds the book from the journal and starts the writer, which ends with the desk. It
    /// writes if nobody else does; else it stands by. A journal that is damaged stops this market
    /// alone.
    pub(crate) async fn open(tools: Tools, parameters: Parameters) -> Result<Desk> {
        let name = format!("{}/{}", parameters.community, parameters.zone);
        // First, so that nobody writes behind what is read.
        let token = lease::take(&tools.db, &name).await?;
        let Replayed { exchange, last, snapshot, damage } = replay(&tools.db, &name).await?;
        let sealed = exchange.check_sealed(&parameters, tools.clock.now());
        if let Err((from, why)) = sealed
            && damage.is_none()
        {
            let code = why.code();
            bail!("market {name}: orders of slots from {from} on are sealed: {why} ({code})");
        }
        let hash = exchange.hash();
        tracing::info!(market = name, entries = last, snapshot, %hash, "book rebuilt");
        let standing = match (damage, token) {
            (Some(damage), _) => Standing::Damaged(damage),
            (None, Some(token)) => Standing::Leading { token },
            (None, None) => Standing::StandingBy,
        };
        let state = Arc::new(State::new(&name, standing, last, snapshot));
        let parameters = Arc::new(parameters);
        let book = Arc::new(RwLock::new(exchange));
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let refused = Arc::new(Refusals::default());
        let shared = Arc::new(Refusals::default());
        let presence = Mutex::new(Presence::from(tools.clock.now()));
        let writer = Writer {
            tools,
            name: name.clone(),
            parameters: parameters.clone(),
            last,
            refused: refused.clone(),
            shared: shared.clone(),
            rules_at: None,
            guard: Mutex::default(),
            presence,
            rejections: Mutex::default(),
            state: state.clone(),
            clearing: None,
            snapshots: Snapshots::new(snapshot),
            free_from: Instant::now(),
        };
        tokio::spawn(writer.run(book.clone(), queue));
        Ok(Desk { name, parameters, book, commands, refused, shared, state })
    }

    /// Community and grid area.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How this market runs.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Whether this process writes it.
    pub fn leads(&self) -> bool {
        matches!(self.state.standing(), Standing::Leading { .. })
    }

    /// Where it stands in this process, and what it has done since that started.
    pub fn report(&self) -> Report {
        self.state.report(COMMANDS_MAX - self.commands.capacity())
    }

    /// Why the newest order of a standing rule was refused, if it was.
    pub fn refused_rule(&self, rule: RuleName) -> Option<RuleRefusal> {
        self.refused.of(rule)
    }

    /// Why the newest order of a member was refused, if it was.
    pub fn refused_member(&self, account: AccountId) -> Option<RuleRefusal> {
        self.shared.of(account)
    }

    /// The book, all of it durable. Held for a short time only: the writer waits. Where another
    /// process writes it may be a second behind, and where the journal is damaged it is that of the
    /// entries before.
    pub async fn book(&self) -> RwLockReadGuard<'_, Exchange> {
        self.book.read().await
    }

    /// Places an order; returns when it is durable.
    pub async fn place(&self, order: NewOrder) -> Result<Applied, Refused> {
        self.offer(order)?.await
    }

    /// Puts an order into the writer's queue; its answer comes when it is durable.
    pub fn offer(
        &self,
        order: NewOrder,
    ) -> Result<impl Future<Output = Result<Applied, Refused>> + use<>, Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Place(Box::new(order), answer))?;
        Ok(async move { answered.await.map_err(|_| Refused::Fault(gone()))? })
    }

    /// Cancels an account's order; returns when that is durable.
    pub async fn cancel(&self, order: OrderId, account: AccountId) -> Result<Applied, Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Cancel(order, account, answer))?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// Takes a commitment in; returns when it is durable.
    pub async fn seal(&self, commitment: NewCommitment) -> Result<SealedIn, Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Seal(Box::new(commitment), answer))?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// Takes an account's commitment back; returns when that is durable.
    pub async fn withdraw(
        &self,
        commitment: B256,
        account: AccountId,
    ) -> Result<SealedIn, Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Withdraw(commitment, account, answer))?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// Opens a commitment with the order that it stands for; returns when that is durable.
    pub async fn open_commitment(
        &self,
        opening: Opening,
        order: NewOrder,
    ) -> Result<Applied, Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Open(opening, Box::new(order), answer))?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// Changes who and what may trade, and how slots are cleared, in the name of `by`; returns when
    /// that is durable. A change
    /// that was made before changes nothing.
    pub async fn change(&self, change: Change, by: PartyId) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Change(change, by, answer))?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// Applies what an event says, once; returns when it is durable.
    ///
    /// # Errors
    /// Also where this process does not write the market: the event has to be offered again.
    pub async fn facts(&self, event: EventId, entries: Vec<Entry>) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Facts(event, entries, answer)).await?;
        answered.await.map_err(|_| gone())?
    }

    /// Clears every slot whose gate has closed at `now`; returns whether there was one.
    pub async fn tick(&self, now: Timestamp) -> Result<bool> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Tick(now, answer)).await?;
        answered.await.map_err(|_| gone())?
    }

    /// Lets another process write this market: what came before is carried out, what comes after is
    /// refused, and the lease is given up. This process takes it again only after a while, if
    /// nobody else has.
    ///
    /// # Errors
    /// Where this process does not write it.
    pub async fn hand_over(&self) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::HandOver(answer)).await.map_err(Refused::Fault)?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// The process is about to end: nothing is followed any more.
    pub fn end(&self) {
        self.state.end();
    }

    /// Queues what a caller can repeat: refused when the queue is full.
    fn submit(&self, command: Command) -> Result<(), Refused> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => Refused::Fault(gone()),
        })
    }

    /// Queues what must not be lost: waits for a place.
    async fn send(&self, command: Command) -> Result<()> {
        self.commands.send(command).await.map_err(|_| gone())
    }
}

fn gone() -> anyhow::Error {
    anyhow!("the market's writer is gone")
}
