//! Why the market refuses: one table of codes.

/// The table: a reason, its stable code, and what a caller reads.
macro_rules! rejections {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why something that was asked of a market is refused; in the order of the checks of an
        /// order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        pub enum Rejection {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Rejection {
            /// Every reason.
            pub const ALL: &[Rejection] = &[$(Rejection::$name),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Rejection::$name => $code,)*
                }
            }
        }
    };
}

rejections! {
    /// The same id came before with other content.
    OtherContent = "CONFLICT", "the order id was used for another order";
    /// The account, its address or the connection point is not one of this market.
    Account = "ACCOUNT",
        "the account, its address and the connection point do not belong together here";
    /// Another community, zone or policy than this market's.
    Policy = "POLICY", "the order names another community, zone or policy";
    /// The account has granted its delegate no such order.
    Delegate = "DELEGATE", "the account's mandate for this delegate does not cover the order";
    /// The account or the connection point may not trade.
    Suspended = "SUSPENDED", "the account or the connection point is suspended from trading";
    /// The account owes too much to buy from neighbours.
    BuyingHeld = "BUYING_HELD",
        "the account buys nothing from neighbours until its bill is paid or its balance is filled";
    /// Trading is stopped.
    KillSwitch = "KILL_SWITCH", "trading is stopped";
    /// The start is not that of a slot.
    Slot = "SLOT", "no slot starts then";
    /// The limit is not a multiple of the tick.
    Tick = "TICK", "the limit is not a multiple of the tick";
    /// Less than the smallest order, or a `min_fill` above the quantity.
    MinLot = "MIN_LOT", "the quantity is below the smallest order, or below its own minimum fill";
    /// What is metered in the slot is shared out after it.
    SharedOut = "SHARED_OUT",
        "what members feed in and take in this slot is shared out after it: it takes no orders";
    /// Orders of the slot are sealed.
    Sealed = "SEALED",
        "the orders of this slot are sealed until its gate: send a commitment";
    /// Before the gate is closed, or after the time in which commitments are opened.
    RevealClosed = "REVEAL_CLOSED",
        "commitments of this slot are opened between its gate and the end of the reveal window";
    /// After the gate, or before the book opens.
    GateClosed = "GATE_CLOSED", "the book of this slot is not open";
    /// The order expires before the slot ends, so it might not be settled.
    Expiry = "EXPIRY", "the order expires before the slot ends";
    /// The time in force is over, or none that the slot knows.
    TimeInForce = "TIME_IN_FORCE",
        "the order is good till a moment that has come, or the slot trades at its gate only";
    /// The grid operator has curtailed the zone in this slot.
    ZoneCurtailed = "ZONE_CURTAILED", "the grid operator has curtailed the zone in this slot";
    /// No tariff holds in the slot, so that nobody knows what energy is worth.
    NoTariff = "NO_TARIFF", "no tariff is known for this slot";
    /// The limit is above the part of the retail price that is allowed, by default twice of it.
    PriceCollar = "PRICE_COLLAR", "the limit is too far above the retail price";
    /// The limit is far off what energy costs at that time of day.
    PriceReference = "PRICE_REFERENCE",
        "the limit is far off what energy costs at this time of day: say beyond_reference if meant";
    /// More than the connection can carry in the slot.
    QtyPhysical = "QTY_PHYSICAL",
        "more than the connection can carry in this slot, together with its other orders";
    /// More than the connection point is likely to feed in.
    QtyForecast = "QTY_FORECAST",
        "more than what the connection point has lately fed in at this time of day allows";
    /// Too many orders in this slot or of this account, or too many curtailments.
    TooMany = "TOO_MANY", "there are too many of them already";
    /// The order could meet an order of the same party.
    SelfTrade = "STP", "the order crosses an open order of the same party in this slot";
    /// A buyer's cash does not cover quantity x limit.
    Funds = "FUNDS", "the free cash does not cover quantity times limit";
    /// A seller's cash does not cover the collateral.
    Collateral = "COLLATERAL", "the free cash does not cover the collateral";
    /// What the account may come to owe is above its limit.
    Exposure = "EXPOSURE",
        "open orders and trades of this account come to more than it may owe at a time";
    /// What the account trades in a day is above its limit.
    Notional = "NOTIONAL",
        "open orders and trades of this account in this day come to more than it may trade in one";
    /// The nonce was used before, or the account ended it on chain.
    Nonce = "NONCE", "the nonce was used before, or cancelled on chain";
    /// The signature is neither the account's nor its delegate's.
    Sig = "SIG", "the signature is neither by the account's key nor by its delegate's";
    /// Who asked for something, or whom it is about, wants to agree to it.
    SecondPerson = "SECOND_PERSON",
        "who asked for it, and whom it is about, does not decide it: somebody else has to";
    /// Somebody has decided the request before, or it waited too long.
    Decided = "DECIDED", "the request was decided before, or is over";
    /// The mechanism's own parameters are wrong.
    Mechanism = "MECHANISM", "the mechanism's parameters are not usable";
    /// A mechanism with two prices a trade, under a policy without a difference account.
    Difference = "NO_DIFFERENCE_ACCOUNT",
        "the mechanism has two prices a trade, and the policy names no account for the difference";
    /// The market's policy does not settle after the slot.
    NotSharing = "NOT_SHARING", "this market shares out nothing after its slots";
    /// The account shares with another connection point, or for other slots.
    Member = "MEMBER", "the account is a member for some of these slots already";
    /// Shares of a connection point named twice, of nothing, or of more than there is.
    Shares = "SHARES",
        "shares are 1 to 10000 basis points, one of a connection point, at most 10000 together";
    /// A commitment for a slot with open orders.
    NotSealed = "NOT_SEALED", "the orders of this slot are not sealed: place the order itself";
    /// What was sent is not what was committed to, or was committed to before.
    Commitment = "COMMITMENT", "the order and its salt are not what the commitment stands for";
    /// The party leaves too many commitments unopened.
    Unrevealed = "UNREVEALED",
        "too many commitments of this party were left unopened in the last day";
    /// Orders that meet when they come cannot be sealed, nor can what was metered.
    NotSealable = "NOT_SEALABLE",
        "only orders of call auctions are sealed, and the mechanism of these slots is none";
    /// The time in which commitments are opened is too short or too long.
    RevealWindow = "REVEAL_WINDOW",
        "commitments are opened in 30 to 600 seconds, which end a minute before the slot";
    /// A link that the market's grid does not have, or no limit of it.
    Link = "LINK", "the market's grid has no such link, or nothing is said of what it carries";
    /// The book of a slot that would change is open already.
    BookOpen = "BOOK_OPEN", "the books of slots that would change are open already";
    /// Nothing of the order is open any more: what is traded stays.
    Traded = "TRADED", "the order is traded whole, and what is traded stays";
    /// There is no such order of this account, or no such account or connection point.
    Unknown = "NOT_FOUND", "there is no such thing in this market";
}

impl Rejection {
    /// Whether the same request may succeed later.
    pub fn retry_may_help(self) -> bool {
        matches!(
            self,
            Rejection::NoTariff
                | Rejection::RevealClosed
                | Rejection::BuyingHeld
                | Rejection::Funds
                | Rejection::Collateral
                | Rejection::Exposure
                | Rejection::Notional
        )
    }
}
