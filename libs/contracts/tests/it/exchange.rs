//! Cash of one currency for cash of another: two markets with a token each, in one chain.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use contracts::bindings::CurrencyExchange::{self, Quote};
use contracts::bindings::{EnergyMarket, SettlementToken};
use contracts::requests::{self, CashTransfer};
use contracts::{Call, Cash, ContractEvent, Deployment, Settings, SolCall, SolValue};

use units::Money;

use crate::world::{ANYONE, SLOT, World};

/// The last second of the quote.
const EXPIRY: u64 = SLOT - 300;
const GIVEN: i64 = 1_000_000_000;
const TAKEN: i64 = 940_000_000;

/// Accounts 1, who has euros, and 2, a dealer who has francs.
struct Case {
    world: World,
    francs: Deployment,
    account: Address,
    dealer: Address,
}

impl Case {
    fn new() -> Self {
        let mut world = World::new(4711);
        let settings = Settings { currency: "CHF".to_owned(), ..testkit::settings(3600) };
        let francs = world.deploy(Address::repeat_byte(0xdf), &settings);
        let (account, dealer) = (world.account(1), world.account(2));
        let mut case = Case { world, francs, account, dealer };
        case.world.fund(account, GIVEN);
        case.in_francs(|world| world.fund(dealer, TAKEN));
        case
    }

    /// Does something in the other market.
    fn in_francs<R>(&mut self, what: impl FnOnce(&mut World) -> R) -> R {
        std::mem::swap(&mut self.world.at, &mut self.francs);
        let result = what(&mut self.world);
        std::mem::swap(&mut self.world.at, &mut self.francs);
        result
    }

    fn quote(&self) -> Quote {
        Quote {
            from: self.world.at.market,
            to: self.francs.market,
            account: self.account,
            dealer: self.dealer,
            given: U256::from(GIVEN),
            taken: U256::from(TAKEN),
            expiry: EXPIRY,
            accountNonce: U256::from(7),
            dealerNonce: U256::from(8),
        }
    }

    /// What each side signs of a quote.
    fn transfers(&self, quote: &Quote) -> [CashTransfer; 2] {
        let Quote { account, dealer, expiry, .. } = *quote;
        let money = |amount| contracts::money(amount).unwrap();
        let link = keccak256(quote.abi_encode());
        let sender = self.world.at.exchange;
        let amount = money(quote.given);
        let nonce = quote.accountNonce;
        let given = CashTransfer { account, to: dealer, amount, nonce, expiry, sender, link };
        let (amount, nonce) = (money(quote.taken), quote.dealerNonce);
        let taken = CashTransfer { account: dealer, to: account, amount, nonce, ..given };
        [given, taken]
    }

    /// The signatures of both sides.
    fn signatures(&self, quote: &Quote) -> [Bytes; 2] {
        let [given, taken] = self.transfers(quote);
        let chain_id = self.world.chain_id;
        let of = |market, transfer: &CashTransfer| {
            let hash = requests::cash_transfer(chain_id, market, transfer).unwrap();
            self.world.sign(transfer.account, hash)
        };
        [of(quote.from, &given), of(quote.to, &taken)]
    }

    fn call(&self, quote: &Quote, [by_account, by_dealer]: [Bytes; 2]) -> Call {
        let what = CurrencyExchange::exchangeCall {
            quote: quote.clone(),
            accountSignature: by_account,
            dealerSignature: by_dealer,
        };
        Call { to: self.world.at.exchange, data: what.abi_encode().into() }
    }

    /// What account and dealer have: euros, then francs.
    fn cash(&mut self) -> [[i64; 2]; 2] {
        let accounts = [self.account, self.dealer];
        let of = |world: &mut World| accounts.map(|one| i64::try_from(world.free(one)).unwrap());
        [of(&mut self.world), self.in_francs(of)]
    }

    /// Nothing moved, neither here nor there.
    fn refused(&mut self, call: Call, reason: &str) {
        self.world.refused(ANYONE, call, reason);
        assert_eq!(self.cash(), [[GIVEN, 0], [0, TAKEN]]);
    }
}

#[test]
fn both_transfers_are_made_at_the_quoted_rate_and_once() {
    let mut case = Case::new();
    let quote = case.quote();
    let call = case.call(&quote, case.signatures(&quote));
    assert_eq!(case.cash(), [[GIVEN, 0], [0, TAKEN]]);
    case.world.now = EXPIRY;
    let events = case.world.ok(ANYONE, call.clone()).events;
    // Of the other market's event the books here know nothing.
    let [ContractEvent::Exchanged(exchanged), ContractEvent::CashTransferred(given)] = &events[..]
    else {
        panic!("{events:?}");
    };
    let id = keccak256(quote.abi_encode());
    assert_eq!((exchanged.quote, given.link), (id, id));
    assert_eq!((exchanged.account, exchanged.dealer), (case.account, case.dealer));
    assert_eq!((exchanged.given, exchanged.taken), (quote.given, quote.taken));
    assert_eq!((given.account, given.to, given.amount), (case.account, case.dealer, quote.given));
    let question = CurrencyExchange::quoteIdCall { quote: quote.clone() };
    assert_eq!(case.world.view(case.world.at.exchange, question), id);
    assert_eq!(case.cash(), [[0, GIVEN], [TAKEN, 0]]);
    case.world.fund(case.account, GIVEN);
    case.world.refused(ANYONE, call, "NonceAlreadyUsed { nonce: 7 }");
}

#[test]
fn where_one_transfer_fails_neither_is_made() {
    let base = Case::new();
    let quote = base.quote();
    let good = base.signatures(&quote);
    let case = || Case { world: base.world.clone(), ..base };

    let mut late = case();
    late.world.now = EXPIRY + 1;
    let call = late.call(&quote, good.clone());
    late.refused(call, "TransferExpired");

    // Either side's signature, of the other's transfer or of nothing.
    for bad in [
        [good[1].clone(), good[0].clone()],
        [Bytes::new(), good[1].clone()],
        [good[0].clone(), Bytes::new()],
    ] {
        let mut case = case();
        let call = case.call(&quote, bad);
        case.refused(call, "NotSigned");
    }

    // A nonce that the dealer used there, or cancelled.
    let mut cancelled = case();
    let dealer = cancelled.dealer;
    cancelled.in_francs(|world| {
        let call = world.at.cancel(U256::from(8));
        world.ok(dealer, call);
    });
    let call = cancelled.call(&quote, good.clone());
    cancelled.refused(call, "NonceAlreadyUsed { nonce: 8 }");

    // More than one of them has.
    for edit in
        [|quote: &mut Quote| quote.given += U256::ONE, |quote: &mut Quote| quote.taken += U256::ONE]
    {
        let mut case = case();
        let mut more = quote.clone();
        edit(&mut more);
        let call = case.call(&more, case.signatures(&more));
        case.refused(call, "NotEnoughFree");
    }
}

/// Whoever changes anything of a quote has the signatures of none.
#[test]
fn a_quote_is_what_both_signed_in_every_field() {
    let mut case = Case::new();
    let quote = case.quote();
    let good = case.signatures(&quote);
    let edits: [fn(&mut Quote); 9] = [
        |quote| quote.given -= U256::ONE,
        |quote| quote.taken -= U256::ONE,
        |quote| quote.expiry += 1,
        |quote| quote.accountNonce += U256::ONE,
        |quote| quote.dealerNonce += U256::ONE,
        |quote| quote.account = ANYONE,
        |quote| quote.dealer = ANYONE,
        |quote| quote.to = quote.from,
        |quote| std::mem::swap(&mut quote.from, &mut quote.to),
    ];
    for edit in edits {
        let mut other = quote.clone();
        edit(&mut other);
        let call = case.call(&other, good.clone());
        case.refused(call, "NotSigned");
    }
    // One leg may be signed for the other quote: it is worth nothing without the second.
    let mut dearer = quote.clone();
    dearer.given -= U256::ONE;
    let [_, dealers] = good;
    let [accounts, _] = case.signatures(&dearer);
    for of in [&quote, &dearer] {
        let call = case.call(of, [accounts.clone(), dealers.clone()]);
        case.refused(call, "NotSigned");
    }
}

/// Neither leg can be made but by the exchange that the quote names.
#[test]
fn no_leg_is_made_alone() {
    let mut case = Case::new();
    let quote = case.quote();
    let signatures = case.signatures(&quote);
    let [given, taken] = case.transfers(&quote);
    for sender in [ANYONE, case.account, case.dealer, case.world.operator] {
        let here = case.world.at.transfer_for(&given, signatures[0].clone()).unwrap();
        case.world.refused(sender, here, "NotSender");
        let there = case.francs.transfer_for(&taken, signatures[1].clone()).unwrap();
        case.world.refused(sender, there, "NotSender");
    }
    // The other market's exchange makes them as its own only.
    let call = Call { to: case.francs.exchange, ..case.call(&quote, signatures) };
    case.refused(call, "NotSigned");
    assert_eq!(given.link, B256::from(taken.link));
    let nonce = EnergyMarket::nonceUsedCall { account: case.account, nonce: U256::from(7) };
    assert!(!case.world.view(case.world.at.market, nonce));
}

/// What the genesis makes for a further currency works as for the first, and the exchange of the
/// first deals in both.
#[test]
fn a_genesis_with_further_currencies_has_a_token_and_a_market_for_each() {
    let further = vec!["CHF".to_owned(), "USD".to_owned()];
    let settings = Settings { further, role_delay: Some(60), ..testkit::settings(3600) };
    let mut world = World::with(4711, &settings);
    let cash: Vec<Cash> = Deployment::further_cash(Address::repeat_byte(0xde)).take(2).collect();
    let (account, dealer) = (world.account(1), world.account(2));
    world.fund(account, GIVEN);
    let first = world.at;
    for (cash, symbol) in cash.iter().zip(["WXCHF", "WXUSD"]) {
        assert_eq!(world.view(cash.token, SettlementToken::symbolCall {}), symbol);
        assert_eq!(world.view(cash.market, EnergyMarket::withdrawalDelayCall {}), 3600);
        for contract in [cash.token, cash.market] {
            let mut has = |account| {
                let role = B256::ZERO;
                world.view(contract, EnergyMarket::hasRoleCall { role, account })
            };
            assert!(has(first.timelock));
            assert!(!has(Address::repeat_byte(0x0f)), "the admin gave its right away");
        }
        world.at = first.of_cash(*cash);
        world.fund(dealer, TAKEN);
        world.at = first;
    }
    let quote = contracts::Quote {
        from: first.market,
        to: cash[0].market,
        account,
        dealer,
        given: Money::from_n(GIVEN),
        taken: Money::from_n(TAKEN),
        expiry: EXPIRY,
        account_nonce: U256::from(7),
        dealer_nonce: U256::from(8),
    };
    let by_account = world.sign(account, quote.account_hash(4711, &first).unwrap());
    let by_dealer = world.sign(dealer, quote.dealer_hash(4711, &first).unwrap());
    let request =
        contracts::AccountRequest::Exchange { quote, dealer_signature: by_dealer.clone() };
    assert_eq!(request.hash(4711, &first), quote.account_hash(4711, &first));
    let call = request.call(&first, by_account).unwrap();
    world.ok(ANYONE, call.clone());
    world.at = first.of_cash(cash[0]);
    assert_eq!(world.free(account), U256::from(TAKEN));
    world.at = first;
    assert_eq!((world.free(account), world.free(dealer)), (U256::ZERO, U256::from(GIVEN)));
    world.refused(ANYONE, call, "NonceAlreadyUsed { nonce: 7 }");
}
