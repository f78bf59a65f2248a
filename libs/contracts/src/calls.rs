//! Every call that changes something, encoded.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use ids::{CommunityId, MeterId};
use units::{Energy, Money, Overflow};

use crate::batch::{BatchError, FillBatch, TradeBatch};
use crate::bindings::{
    EnergyMarket, MeterRegistry, ReadingAnchor, RecordAnchor, SettlementToken, TradingMandate,
};
use crate::clearing::{Delivery, Posted};
use crate::deployment::Deployment;
use crate::policy::Policy;
use crate::requests::{CashTransfer, Mandate, MeterEnrolment, Redemption, Withdrawal};

/// A call of one of our contracts, ready to be put in a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The contract.
    pub to: Address,
    /// The encoded call.
    pub data: Bytes,
}

fn call(to: Address, what: impl SolCall) -> Call {
    Call { to, data: what.abi_encode().into() }
}

/// Money as the token counts it; refused when negative.
pub(crate) fn tokens(amount: Money) -> Result<U256, Overflow> {
    u64::try_from(amount.n()).map(U256::from).map_err(|_| Overflow)
}

/// Cash. The sender is the account, unless said otherwise.
impl Deployment {
    /// By MINTER: tokens for what a payment brought; each payment once.
    pub fn mint(&self, to: Address, amount: Money, payment: B256) -> Result<Call, Overflow> {
        let amount = tokens(amount)?;
        Ok(call(self.token, SettlementToken::mintCall { to, amount, payment }))
    }

    /// Destroys tokens of the sender: they were paid out.
    pub fn burn(&self, amount: Money) -> Result<Call, Overflow> {
        Ok(call(self.token, SettlementToken::burnCall { value: tokens(amount)? }))
    }

    /// Lets the market take tokens of the sender, up to `amount` in all.
    pub fn approve_market(&self, amount: U256) -> Call {
        let (spender, value) = (self.market, amount);
        call(self.token, SettlementToken::approveCall { spender, value })
    }

    /// Tokens of the sender become free cash of `account`; a payment that is not zero only once.
    pub fn deposit_for(
        &self,
        account: Address,
        amount: Money,
        payment: B256,
    ) -> Result<Call, Overflow> {
        let amount = tokens(amount)?;
        Ok(call(self.market, EnergyMarket::depositForCall { account, amount, payment }))
    }

    /// Takes free cash of the sender out of trading.
    pub fn request_withdrawal(&self, amount: Money) -> Result<Call, Overflow> {
        let amount = tokens(amount)?;
        Ok(call(self.market, EnergyMarket::requestWithdrawalCall { amount }))
    }

    /// By anyone: the same for an account that signed [`crate::requests::withdrawal`].
    pub fn request_withdrawal_for(
        &self,
        of: &Withdrawal,
        signature: Bytes,
    ) -> Result<Call, Overflow> {
        let Withdrawal { account, nonce, expiry, .. } = *of;
        let amount = tokens(of.amount)?;
        let what =
            EnergyMarket::requestWithdrawalForCall { account, amount, nonce, expiry, signature };
        Ok(call(self.market, what))
    }

    /// By anyone: pays an account what it asked for, once the delay is over.
    pub fn withdraw(&self, account: Address) -> Call {
        call(self.market, EnergyMarket::withdrawCall { account })
    }

    /// By anyone: cash of an account that signed [`crate::requests::cash_transfer`] to another.
    pub fn transfer_for(&self, of: &CashTransfer, signature: Bytes) -> Result<Call, Overflow> {
        let CashTransfer { account, to, nonce, expiry, sender, link, .. } = *of;
        let amount = tokens(of.amount)?;
        let what = EnergyMarket::CashTransfer { account, to, amount, nonce, expiry, sender, link };
        Ok(call(self.market, EnergyMarket::transferForCall { what, signature }))
    }

    /// By anyone: destroys tokens of an account that signed [`crate::requests::redemption`].
    pub fn redeem_for(&self, of: &Redemption, signature: Bytes) -> Result<Call, Overflow> {
        let Redemption { account, destination, nonce, expiry, .. } = *of;
        let amount = tokens(of.amount)?;
        let what = SettlementToken::redeemForCall {
            account,
            amount,
            destination,
            nonce,
            expiry,
            signature,
        };
        Ok(call(self.token, what))
    }

    /// By anyone: frees what is locked of a policy's UTC day that is over for good.
    pub fn release(&self, policy: B256, day: u32, accounts: Vec<Address>) -> Call {
        call(self.market, EnergyMarket::releaseCall { policy, day, accounts })
    }
}

/// Trades.
impl Deployment {
    /// By POLICY.
    pub fn register_policy(&self, policy: &Policy) -> Call {
        call(self.market, EnergyMarket::registerPolicyCall { terms: policy.to_sol() })
    }

    /// By CLEARER, once per zone and slot and while it can be settled.
    pub fn clear(&self, posted: &Posted) -> Call {
        call(self.market, EnergyMarket::clearCall { terms: posted.to_sol() })
    }

    /// By anyone, while the policy lets it, and again: what was skipped may hold later.
    pub fn settle(&self, batch: &FillBatch) -> Call {
        call(self.market, EnergyMarket::settleCall { batch: batch.to_sol() })
    }

    /// By RECONCILER, once nothing more is settled and within the corrections; the run of a trade
    /// rises.
    pub fn reconcile(
        &self,
        run: u8,
        batch: &TradeBatch,
        deliveries: &[Delivery],
    ) -> Result<Call, BatchError> {
        let deliveries = deliveries.iter().map(|one| batch.delivery(one)).collect::<Result<_, _>>();
        let (batch, deliveries) = (batch.to_sol(), deliveries?);
        Ok(call(self.market, EnergyMarket::reconcileCall { run, batch, deliveries }))
    }

    /// By anyone: gives the money of trades back that nobody reconciled in time.
    pub fn expire(&self, batch: &TradeBatch, trades: &[B256]) -> Result<Call, BatchError> {
        let nothing = |trade: &B256| Delivery {
            trade: *trade,
            delivered: Energy::ZERO,
            seller_short: Energy::ZERO,
            buyer_short: Energy::ZERO,
        };
        let deliveries: Vec<Delivery> = trades.iter().map(nothing).collect();
        self.reconcile(crate::RUN_EXPIRED, batch, &deliveries)
    }

    /// Ends the sender's orders with this nonce.
    pub fn cancel(&self, nonce: U256) -> Call {
        call(self.market, EnergyMarket::cancelCall { nonce })
    }

    /// By anyone: the same for an account that signed [`crate::requests::cancel`].
    pub fn cancel_for(&self, account: Address, nonce: U256, signature: Bytes) -> Call {
        call(self.market, EnergyMarket::cancelForCall { account, nonce, signature })
    }

    /// By anyone: all these nonces, for an account that signed [`crate::requests::cancel_all`].
    pub fn cancel_all_for(&self, account: Address, nonces: &[U256], signature: Bytes) -> Call {
        let nonces = nonces.to_vec();
        call(self.market, EnergyMarket::cancelAllForCall { account, nonces, signature })
    }

    /// By anyone: a delegate for an account that signed [`crate::requests::mandate`], until
    /// `expiry`.
    pub fn grant_mandate_for(&self, of: &Mandate, expiry: u64, signature: Bytes) -> Call {
        let mandate = TradingMandate::Mandate {
            policy: of.policy,
            until: of.until,
            buyPriceMax: of.buy_price_max,
            sellPriceMin: of.sell_price_min,
            quantityPerSlot: of.quantity_per_slot.wh(),
            quantityPerDay: of.quantity_per_day.wh(),
            version: of.version,
        };
        let (account, delegate) = (of.account, of.delegate);
        let what = TradingMandate::grantForCall { account, delegate, mandate, expiry, signature };
        call(self.mandates, what)
    }

    /// By PAUSER: stops clearing, settling and reconciling; cash can still leave.
    pub fn pause(&self) -> Call {
        call(self.market, EnergyMarket::pauseCall {})
    }

    /// By PAUSER.
    pub fn unpause(&self) -> Call {
        call(self.market, EnergyMarket::unpauseCall {})
    }
}

/// Meters and anchors.
impl Deployment {
    /// By ENROLLER, with both signatures of [`crate::requests::enrolment`].
    pub fn enrol(
        &self,
        of: &MeterEnrolment,
        owner_signature: Bytes,
        installer_signature: Bytes,
    ) -> Call {
        let what = MeterRegistry::enrolCall {
            meter: of.meter.to_bytes32().into(),
            key: of.key,
            owner: of.owner,
            installer: of.installer,
            connectionPoint: of.connection_point.to_bytes32().into(),
            ownerSignature: owner_signature,
            installerSignature: installer_signature,
        };
        call(self.meters, what)
    }

    /// By anyone until `expiry`, with the old key's signature of [`crate::requests::rotation`].
    pub fn rotate(&self, meter: MeterId, key: Address, expiry: u64, signature: Bytes) -> Call {
        let meter = meter.to_bytes32().into();
        call(self.meters, MeterRegistry::rotateCall { meter, key, expiry, signature })
    }

    /// By ENROLLER or the meter's owner.
    pub fn revoke(&self, meter: MeterId) -> Call {
        call(self.meters, MeterRegistry::revokeCall { meter: meter.to_bytes32().into() })
    }

    /// By ANCHOR: appends a batch of readings. `period` is the slot's start (kind 1) or the local
    /// day number (kind 2).
    pub fn anchor_readings(
        &self,
        community: CommunityId,
        kind: u8,
        period: u64,
        root: B256,
        count: u32,
    ) -> Call {
        let community = community.to_bytes32().into();
        call(self.readings, ReadingAnchor::anchorCall { community, kind, period, root, count })
    }

    /// By ANCHOR: appends a version of a tariff; `valid_from`, a local day number, never falls.
    pub fn anchor_tariff(&self, key: B256, valid_from: u32, hash: B256) -> Call {
        call(self.records, RecordAnchor::anchorTariffCall { key, validFrom: valid_from, hash })
    }

    /// By ANCHOR: keeps the invoice of an account's meter for the local days `from` to `to`, both
    /// included, which come after all days that were billed of either.
    pub fn anchor_invoice(
        &self,
        account: Address,
        meter: MeterId,
        (from, to): (u32, u32),
        hash: B256,
    ) -> Call {
        let meter = meter.to_bytes32().into();
        call(self.records, RecordAnchor::anchorInvoiceCall { account, meter, from, to, hash })
    }
}
