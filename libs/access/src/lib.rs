//! Who may do what.
//!
//! ```text
//! Subject { account, community, roles }   Action   Thing { owner, community }
//!            └──────────────> permit(..) -> bool <──────────────┘
//!                    access.cedar, checked against access.cedarschema
//! ```
//!
//! Invariants: what no policy permits is denied, and so is whatever fails to be judged; nobody
//! reaches into another community, whatever their role.
//! Deliberately absent: who the caller is (`service::Principal`), HTTP, four eyes, the audit log.
#![forbid(unsafe_code)]

mod policies;

use ids::{AccountId, CommunityId};
use serde::{Deserialize, Serialize};

pub use policies::permit;

/// What a party is to a community. A party may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys.
    Consumer,
    /// Buys and sells.
    Prosumer,
    /// Runs the community.
    Operator,
    /// Delivers the rest of the energy and bills it.
    Utility,
    /// Reads everything, changes nothing.
    Auditor,
    /// Sends readings.
    Device,
    /// Manages people and machines.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 7] = [
        Role::Consumer,
        Role::Prosumer,
        Role::Operator,
        Role::Utility,
        Role::Auditor,
        Role::Device,
        Role::Admin,
    ];

    /// The role's name in policies, tokens and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Consumer => "consumer",
            Role::Prosumer => "prosumer",
            Role::Operator => "operator",
            Role::Utility => "utility",
            Role::Auditor => "auditor",
            Role::Device => "device",
            Role::Admin => "admin",
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal)*) => {
        /// Something that a party asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Action] = &[$(Action::$name),*];

            /// The action's name in policies and in the audit log.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Action::$name => $text,)*
                }
            }
        }
    };
}

actions! {
    /// See the book, trades and prices.
    ReadMarket = "read_market"
    /// See an account's orders, money, bills, connection points, meters and readings.
    ReadAccount = "read_account"
    /// See who takes part.
    ReadParties = "read_parties"
    /// See readings that were put aside.
    ReadQuarantine = "read_quarantine"
    /// See which transactions wait for a block.
    ReadRelay = "read_relay"
    /// See who did what.
    ReadAuditLog = "read_audit_log"
    /// Place an order that buys.
    PlaceBuyOrder = "place_buy_order"
    /// Place an order that sells.
    PlaceSellOrder = "place_sell_order"
    /// Withdraw an order.
    CancelOrder = "cancel_order"
    /// Have an order signed with the account's held key.
    SignOrder = "sign_order"
    /// Move cash out of the market.
    WithdrawCash = "withdraw_cash"
    /// Give cash to another account.
    TransferCash = "transfer_cash"
    /// Let somebody else sign orders, inside limits.
    GrantMandate = "grant_mandate"
    /// Have the operator send evidence that more was reconciled than a meter registered.
    FileChallenge = "file_challenge"
    /// Give certified energy to another account.
    TransferCertificate = "transfer_certificate"
    /// Use certified energy up, for somebody.
    RetireCertificate = "retire_certificate"
    /// Have the account settle at another address.
    ChangeAddress = "change_address"
    /// Say what a connection point generates from.
    CertifySource = "certify_source"
    /// Credit a payment from outside to a wallet.
    CreditDeposit = "credit_deposit"
    /// Have the bank pay out what was redeemed.
    OrderPayouts = "order_payouts"
    /// Say at which rates currencies are exchanged.
    SetExchangeRates = "set_exchange_rates"
    /// Publish a version of a tariff.
    PublishTariff = "publish_tariff"
    /// Issue a bill.
    IssueInvoice = "issue_invoice"
    /// Say that a bill is wrong.
    DisputeInvoice = "dispute_invoice"
    /// Say how a dispute about a bill ends.
    SettleDispute = "settle_dispute"
    /// Agree that an account pays before it uses, or end that.
    AgreePrepaid = "agree_prepaid"
    /// Say how accounts pay before they use, who is protected, and whose supply is suspended.
    ManagePrepaid = "manage_prepaid"
    /// Say where to events are sent, and see what became of them.
    ManageWebhooks = "manage_webhooks"
    /// Say where to messages about an account go.
    SetContact = "set_contact"
    /// Stop or resume trading.
    HaltMarket = "halt_market"
    /// Say what a market refuses, and when it stops by itself.
    SetRiskLimits = "set_risk_limits"
    /// See what surveillance found, of whom.
    ReadSurveillance = "read_surveillance"
    /// Say what becomes of what surveillance found.
    DecideCase = "decide_case"
    /// Change who takes part, and as what.
    ManageParties = "manage_parties"
    /// Add a connection point.
    RegisterConnectionPoint = "register_connection_point"
    /// Give a meter its key.
    EnrolMeter = "enrol_meter"
    /// Make a code that puts a meter to work at a connection point.
    ProvisionMeter = "provision_meter"
    /// Say until when a meter's calibration counts, and what generates where it measures.
    DescribeMeter = "describe_meter"
    /// Erase what a meter said long ago.
    EraseReadings = "erase_readings"
    /// Bring a file of energy that no meter signed.
    UploadMeterFile = "upload_meter_file"
    /// End a meter's key.
    RevokeMeter = "revoke_meter"
    /// Deliver a reading.
    SendReading = "send_reading"
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The party's account, if it has one.
    pub account: Option<AccountId>,
    /// The party's community.
    pub community: CommunityId,
    /// What the party is there.
    pub roles: &'a [Role],
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thing {
    /// The account it belongs to; `None` when it belongs to the community.
    pub owner: Option<AccountId>,
    /// The community it is in.
    pub community: CommunityId,
}

impl Thing {
    /// Something that belongs to the community as a whole.
    pub const fn of_community(community: CommunityId) -> Thing {
        Thing { owner: None, community }
    }

    /// Something that belongs to `account`.
    pub const fn of_account(account: AccountId, community: CommunityId) -> Thing {
        Thing { owner: Some(account), community }
    }
}
