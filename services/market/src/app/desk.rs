//! One market's desk: the queue, the writer, the book that readers share.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, anyhow};
use calendar::Timestamp;
use client::Sender;
use contracts::Deployment;
use db::Db;
use ids::{AccountId, EventId, OrderId, PartyId};
use keys::SecretKey;
use service::Clock;
use tokio::sync::{RwLock, RwLockReadGuard, mpsc, oneshot};

use super::batch::Batch;
use super::rules::{Refusals, RuleRefusal};
use crate::db::replay;
use crate::domain::{
    Accepted, Change, Entry, Exchange, Guard, NewOrder, Parameters, Rejection, RuleName,
    StruckTrade,
};

/// Commands that may wait for the writer; more are refused.
pub const COMMANDS_MAX: usize = 4_096;
/// Commands of one commit.
const BATCH_MAX: usize = 512;
/// How long the writer waits before it tries to read the journal again.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The machine says no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Too many commands wait.
    #[error("too many commands wait")]
    Busy,
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

/// What the writer is asked for.
pub(super) enum Command {
    /// Place an order.
    Place(Box<NewOrder>, oneshot::Sender<Result<Applied, Refused>>),
    /// Cancel an account's order.
    Cancel(OrderId, AccountId, oneshot::Sender<Result<Applied, Refused>>),
    /// Change who and what may trade, and how slots are cleared.
    Change(Change, PartyId, oneshot::Sender<Result<(), Refused>>),
    /// Apply what an event says.
    Facts(EventId, Vec<Entry>, oneshot::Sender<Result<()>>),
    /// Clear what is due.
    Tick(Timestamp, oneshot::Sender<Result<bool>>),
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
}

impl Desk {
    /// Rebuilds the book from the journal and starts the writer. It ends with the desk.
    pub(crate) async fn open(tools: Tools, parameters: Parameters) -> Result<Desk> {
        let name = format!("{}/{}", parameters.community, parameters.zone);
        let (exchange, last) = replay(&tools.db, &name).await?;
        tracing::info!(market = name, entries = last, hash = %exchange.hash(), "book rebuilt");
        let parameters = Arc::new(parameters);
        let book = Arc::new(RwLock::new(exchange));
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let refused = Arc::new(Refusals::default());
        let shared = Arc::new(Refusals::default());
        let writer = Writer {
            tools,
            name: name.clone(),
            parameters: parameters.clone(),
            last,
            refused: refused.clone(),
            shared: shared.clone(),
            rules_at: None,
            guard: Mutex::default(),
        };
        tokio::spawn(writer.write(book.clone(), queue));
        Ok(Desk { name, parameters, book, commands, refused, shared })
    }

    /// Community and grid area.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How this market runs.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Why the newest order of a standing rule was refused, if it was.
    pub fn refused_rule(&self, rule: RuleName) -> Option<RuleRefusal> {
        self.refused.of(rule)
    }

    /// Why the newest order of a member was refused, if it was.
    pub fn refused_member(&self, account: AccountId) -> Option<RuleRefusal> {
        self.shared.of(account)
    }

    /// The book, all of it durable. Held for a short time only: the writer waits.
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

    /// Changes who and what may trade, and how slots are cleared, in the name of `by`; returns when
    /// that is durable. A change
    /// that was made before changes nothing.
    pub async fn change(&self, change: Change, by: PartyId) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        self.submit(Command::Change(change, by, answer))?;
        answered.await.map_err(|_| Refused::Fault(gone()))?
    }

    /// Applies what an event says, once; returns when it is durable.
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

/// The single writer of one market's journal.
pub(super) struct Writer {
    pub(super) tools: Tools,
    pub(super) name: String,
    pub(super) parameters: Arc<Parameters>,
    pub(super) last: i64,
    pub(super) refused: Arc<Refusals<RuleName>>,
    /// Why members got nothing when a slot was shared out.
    pub(super) shared: Arc<Refusals<AccountId>>,
    /// When standing rules were looked at last.
    pub(super) rules_at: Option<Timestamp>,
    /// What is counted of orders and refusals.
    pub(super) guard: Mutex<Guard>,
}

impl Writer {
    /// Takes batches of commands until the desk is dropped.
    ///
    /// When a commit fails the book holds what is not durable, so it is rebuilt from the journal
    /// before the next batch, and readers wait until it is.
    async fn write(mut self, book: Arc<RwLock<Exchange>>, mut queue: mpsc::Receiver<Command>) {
        let mut commands = Vec::with_capacity(BATCH_MAX);
        while queue.recv_many(&mut commands, BATCH_MAX).await > 0 {
            let mut exchange = book.write().await;
            let mut batch = Batch::new(&self, &mut exchange);
            for command in commands.drain(..) {
                batch.take(command).await;
            }
            match batch.commit().await {
                Some((entries, rules_at)) => {
                    self.last += entries;
                    self.rules_at = rules_at;
                }
                None => (*exchange, self.last) = self.rebuild().await,
            }
        }
    }

    /// Reads the journal again until that succeeds.
    async fn rebuild(&self) -> (Exchange, i64) {
        let mut pause = tokio::time::interval(REBUILD_PAUSE);
        loop {
            pause.tick().await;
            match replay(&self.tools.db, &self.name).await {
                Ok(rebuilt) => return rebuilt,
                Err(error) => {
                    tracing::error!(market = self.name, error = format!("{error:#}"), "no journal");
                }
            }
        }
    }
}
