//! Transfers of one entry, as they are put together.

use units::{Energy, Money, Price};

use super::{Account, EnergyAccount, Flow, JournalError, Settled, Totals, Transfer};

pub(super) type Moved = (Vec<Transfer<Account>>, Vec<Transfer<EnergyAccount>>);

#[derive(Default)]
pub(super) struct Moves {
    money: Vec<Transfer<Account>>,
    energy: Vec<Transfer<EnergyAccount>>,
}

impl Moves {
    pub(super) fn into_parts(self) -> Moved {
        (self.money, self.energy)
    }

    /// From `debit` to `credit`; an amount of zero moves nothing.
    pub(super) fn money(
        &mut self,
        debit: Account,
        credit: Account,
        amount: Money,
    ) -> Result<(), JournalError> {
        self.exact(debit, credit, i128::from(amount.n()))
    }

    /// As [`Moves::money`]; a negative amount goes the other way.
    pub(super) fn exact(
        &mut self,
        debit: Account,
        credit: Account,
        amount: i128,
    ) -> Result<(), JournalError> {
        let size = u64::try_from(amount.unsigned_abs()).map_err(|_| JournalError::Overflow)?;
        let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
        if size > 0 {
            self.money.push(Transfer { debit, credit, amount: size });
        }
        Ok(())
    }

    /// Moves the growth from `before` to `after`, which may be negative.
    pub(super) fn energy(
        &mut self,
        debit: EnergyAccount,
        credit: EnergyAccount,
        before: Energy,
        after: Energy,
    ) {
        let amount = before.wh().abs_diff(after.wh());
        let (debit, credit) = if after < before { (credit, debit) } else { (debit, credit) };
        if amount > 0 {
            self.energy.push(Transfer { debit, credit, amount });
        }
    }

    /// The difference between two runs of one trade.
    pub(super) fn reconciled(
        &mut self,
        of: &Settled,
        before: &Totals,
        after: &Totals,
    ) -> Result<(), JournalError> {
        let (escrow, collateral) = (Account::Escrow(of.trade), of.collateral_account());
        let seller = Account::Locked(of.seller, of.day);
        let buyer = Account::Locked(of.buyer, of.day);
        let platform = Account::PlatformFee(of.platform_account, of.day);
        let network = Account::Dso(of.network_account, of.day);
        let pot = Account::Pot(of.difference_account, of.day);
        let balance = Account::Imbalance(of.balance_account, of.day);
        let seller_fee = i64::try_from(of.terms.seller_fee).map_err(|_| JournalError::Overflow)?;
        let seller_fee = Price::from_n_per_wh(seller_fee);
        let seller_fees =
            (seller_fee.cost_of(before.delivered)?, seller_fee.cost_of(after.delivered)?);
        let buyer_fees =
            (before.platform.minus(seller_fees.0)?, after.platform.minus(seller_fees.1)?);
        for (from, to, before, after) in [
            (&escrow, &seller, before.seller_net, after.seller_net),
            (&escrow, &platform, seller_fees.0, seller_fees.1),
            (&escrow, &platform, buyer_fees.0, buyer_fees.1),
            (&escrow, &network, before.network, after.network),
            (&escrow, &pot, before.difference, after.difference),
            (&escrow, &seller, before.compensation, after.compensation),
            (&escrow, &balance, before.buyer_imbalance, after.buyer_imbalance),
            (&escrow, &buyer, before.refund, after.refund),
            (&collateral, &buyer, before.make_whole, after.make_whole),
            (&collateral, &balance, before.seller_imbalance, after.seller_imbalance),
            (&collateral, &seller, before.collateral_back, after.collateral_back),
        ] {
            self.money(from.clone(), to.clone(), after.minus(before)?)?;
        }
        self.delivered(of, before.delivered, after.delivered);
        Ok(())
    }

    fn delivered(&mut self, of: &Settled, before: Energy, after: Energy) {
        let bought = |flow| EnergyAccount { point: of.buyer_point, slot: of.slot, flow };
        let sold = |flow| EnergyAccount { point: of.seller_point, slot: of.slot, flow };
        self.energy(bought(Flow::P2pBought), sold(Flow::P2pSold), before, after);
        self.energy(sold(Flow::GridExport), bought(Flow::GridImport), before, after);
    }
}
