//! An invoice as a document: with who issues it and who receives it, quantities and prices of its
//! lines as numbers, and taxes by category. The invoice stays what its hash is taken of; what is
//! added here is not signed.

use calendar::LocalDay;
use documents::{
    Account, Category, Class as Kind, Comparison, Content, Custody as DocumentCustody, Dispute,
    Document, EnergyTotals, Exemption, Information, Input as DocumentInput, LastYear,
    Line as DocumentLine, Party, Payment, Place, Prepayment, PrepaymentSource, Proof, Quality,
    Quantity, Rejected, TariffReference, TaxRate, Trace, Unit, UnitPrice,
};
use events::identity::Custody;
use serde::{Deserialize, Serialize};
use units::{Decimal, Energy, Money, Overflow};

use super::retail::{GRID, STANDING};
use super::{Class, Day, Invoice, Line};

/// What an issuer says on its documents besides who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Who it is.
    pub party: Party,
    /// Days from the issue of an invoice to the day by which it is to be paid.
    pub payment_days: u16,
    /// What to do about a bill that seems wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Dispute>,
    /// Why neighbours' energy bears no tax, in the language of the documents.
    pub exemption: String,
    /// From which sources the supplier's energy comes, in the language of the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_mix: Option<String>,
    /// Carbon dioxide of the supplier's energy, in grams per kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2_grams_per_kwh: Option<u32>,
    /// The right to change the supplier and how that is done, in the language of the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switching: Option<String>,
}

impl Issuer {
    /// Whether documents can name it.
    ///
    /// # Errors
    /// [`Rejected`]: the first field at fault.
    pub fn check(&self) -> Result<(), Rejected> {
        let untaxed = TaxRate { category: Category::Exempt, bps: 0 };
        let piece = Quantity { amount: 1, unit: Unit::Piece };
        let line = DocumentLine::sum(Kind::Other, "", piece, Money::ZERO, (untaxed, 2));
        let day = LocalDay::from_number(20_000);
        Document::issue(Content {
            kind: documents::Kind::Invoice,
            number: "1".to_owned(),
            issued_on: day,
            due_on: None,
            period: documents::Period { from: day, to: day },
            is_final: false,
            language: "en".to_owned(),
            currency: "EUR".to_owned(),
            currency_digits: 2,
            issuer: self.party.clone(),
            customer: self.party.clone(),
            account: None,
            place: Place {
                connection_point: "1".to_owned(),
                meter: "1".to_owned(),
                address: None,
                community: None,
                community_id: None,
                slot_minutes: None,
            },
            preceding: Vec::new(),
            tariffs: Vec::new(),
            lines: line.into_iter().collect(),
            adjustments: Vec::new(),
            exemptions: vec![Exemption {
                category: Category::Exempt,
                reason: self.exemption.clone(),
            }],
            prepaid: Vec::new(),
            wallet: None,
            rounding: Money::ZERO,
            payment: None,
            energy: EnergyTotals::default(),
            days: Vec::new(),
            comparison: None,
            quality: Quality::default(),
            information: self.information(None, &EnergyTotals::default()),
            dispute: self.dispute.clone(),
            proof: None,
        })
        .map(drop)
    }

    /// What its documents tell of use and supply.
    fn information(&self, last_year: Option<LastYear>, energy: &EnergyTotals) -> Information {
        Information {
            last_year,
            self_sufficiency_bps: Information::of_the_community(energy),
            fuel_mix: self.fuel_mix.clone(),
            co2_grams_per_kwh: self.co2_grams_per_kwh,
            switching: self.switching.clone(),
        }
    }
}

/// Everything of a document that its invoice does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// Who issues it.
    pub issuer: Issuer,
    /// Who receives it.
    pub customer: Party,
    /// The local day of issue.
    pub issued_on: LocalDay,
    /// The last local day on which paying it is in time.
    pub due_on: LocalDay,
    /// Name and version of the tariff.
    pub tariff: (String, u32),
    /// Value-added tax.
    pub vat: Vat,
    /// A locale.
    pub language: String,
    /// Where what is left is paid to.
    pub payment: Option<Payment>,
    /// Where the invoice's hash stands.
    pub proof: Proof,
    /// Energy of the days.
    pub days: Vec<Day>,
    /// How well it is known.
    pub quality: Quality,
    /// What the same energy costs without neighbours.
    pub comparison: Option<Comparison>,
    /// Energy of the same days a year before.
    pub last_year: Option<LastYear>,
}

/// Value-added tax of a tariff.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vat {
    /// In hundredths of a percent.
    pub bps: u16,
    /// Of which classes of lines.
    pub on: Vec<tariff::Class>,
}

impl Vat {
    /// The value-added tax of a tariff.
    pub fn of(tariff: &tariff::Tariff) -> Vat {
        let mut taxes = tariff.sheet().taxes.iter();
        let vat = taxes.find(|tax| tax.class == tariff::Class::Vat);
        vat.map_or_else(Vat::default, |tax| Vat {
            bps: tax.percent.at_scale(2).ok().and_then(|bps| bps.try_into().ok()).unwrap_or(0),
            on: tax.on.clone(),
        })
    }
}

/// Why an invoice makes no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Something that was said around it is not what a document may say.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A sum does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// The document's totals are not the invoice's.
    #[error("the document comes to {document}, the invoice to {invoice}")]
    Differs {
        /// What the document says is to be paid.
        document: Money,
        /// What the invoice says is to be paid.
        invoice: Money,
    },
}

/// The document of an invoice.
///
/// # Errors
/// [`DocumentError`].
pub fn document(invoice: &Invoice, around: Around) -> Result<Document, DocumentError> {
    let untaxed = TaxRate { category: Category::Exempt, bps: 0 };
    let digits = invoice.currency_digits;
    let lines = invoice.lines.iter().filter(|line| line.class != Class::Vat);
    let lines = lines.map(|line| written(line, (tax_of(line.class, &around.vat), digits)));
    let lines = lines.collect::<Result<Vec<_>, Overflow>>()?;
    let exempt = lines.iter().any(|line| line.tax == untaxed);
    let exemption =
        Exemption { category: Category::Exempt, reason: around.issuer.exemption.clone() };
    let (name, version) = around.tariff;
    let energy = totals(&around.days)?;
    let content = Content {
        kind: documents::Kind::Invoice,
        number: invoice.number.clone(),
        issued_on: around.issued_on,
        due_on: (invoice.due > Money::ZERO).then_some(around.due_on),
        period: documents::Period { from: invoice.period.from, to: invoice.period.to },
        is_final: invoice.is_final,
        language: around.language,
        currency: invoice.currency.clone(),
        currency_digits: digits,
        issuer: around.issuer.party.clone(),
        customer: around.customer,
        account: Some(account(invoice)),
        place: place(invoice),
        preceding: Vec::new(),
        tariffs: vec![TariffReference { name, version: Some(version), hash: Some(invoice.tariff) }],
        lines,
        adjustments: Vec::new(),
        exemptions: if exempt { vec![exemption] } else { Vec::new() },
        prepaid: prepaid(invoice),
        wallet: None,
        rounding: Money::ZERO,
        payment: around.payment.filter(|_| invoice.due > Money::ZERO),
        energy,
        days: around.days.iter().map(day).collect(),
        comparison: around.comparison,
        quality: around.quality,
        information: around.issuer.information(around.last_year, &energy),
        dispute: around.issuer.dispute,
        proof: Some(around.proof),
    };
    let document = Document::issue(content)?;
    let payable = document.totals().payable;
    if payable != invoice.due {
        return Err(DocumentError::Differs { document: payable, invoice: invoice.due });
    }
    Ok(document)
}

/// How lines of a class are taxed.
pub(super) fn tax_of(class: Class, vat: &Vat) -> TaxRate {
    let on = |class| match vat.bps {
        // Nothing is due, and what a customer sells is exempt all the same.
        0 => class != tariff::Class::Credit,
        _ => vat.on.contains(&class),
    };
    match (class.taxed_as().is_some_and(on), vat.bps) {
        (false, _) => TaxRate { category: Category::Exempt, bps: 0 },
        (true, 0) => TaxRate { category: Category::Zero, bps: 0 },
        (true, bps) => TaxRate { category: Category::Standard, bps },
    }
}

pub(super) fn account(invoice: &Invoice) -> Account {
    Account {
        id: invoice.account.to_string(),
        pseudonym: Some(invoice.pseudonym.clone()),
        address: Some(invoice.address),
        custody: Some(match invoice.custody {
            Custody::Own => DocumentCustody::Own,
            Custody::Held => DocumentCustody::Held,
        }),
    }
}

pub(super) fn place(invoice: &Invoice) -> Place {
    Place {
        connection_point: invoice.connection_point.to_string(),
        meter: invoice.meter.to_string(),
        address: None,
        community: None,
        community_id: Some(invoice.community.to_string()),
        slot_minutes: u8::try_from(invoice.slot_minutes.minutes()).ok(),
    }
}

fn prepaid(invoice: &Invoice) -> Vec<Prepayment> {
    let paid = Prepayment { source: PrepaymentSource::Wallet, amount: invoice.paid };
    if paid.amount == Money::ZERO { Vec::new() } else { vec![paid] }
}

pub(super) fn totals(days: &[Day]) -> Result<EnergyTotals, Overflow> {
    let sum = |part: fn(&Day) -> Energy| Energy::sum(days.iter().map(part));
    Ok(EnergyTotals {
        bought: sum(|day| day.bought)?,
        supplied: sum(|day| day.supplied)?,
        sold: sum(|day| day.sold)?,
        fed_in: sum(|day| day.fed_in)?,
    })
}

pub(super) fn day(day: &Day) -> documents::Day {
    let Day { day, bought, supplied, sold, fed_in } = *day;
    documents::Day { day, bought, supplied, sold, fed_in }
}

/// A line with its quantity: energy or days where its inputs name them, else one piece. The price
/// is the line's exact amount for that quantity, so that the two multiply to it.
fn written(line: &Line, taxed: (TaxRate, u8)) -> Result<DocumentLine, Overflow> {
    let counted = line.inputs.iter().find_map(quantity);
    let counted = counted.unwrap_or(Quantity { amount: 1, unit: Unit::Piece });
    let (class, name) = (kind(line.class), name_of(line.class, &line.label));
    let mut written = DocumentLine::sum(class, name, counted, line.exact, taxed)?;
    if let Some(price) = line.inputs.iter().find_map(price) {
        // The price that was agreed says more than the same as an average.
        let priced = DocumentLine::new(class, name, written.quantity, price, taxed)?;
        if priced.exact == line.exact {
            written = priced;
        }
    }
    let inputs = line
        .inputs
        .iter()
        .map(|input| DocumentInput { name: input.name.clone(), value: input.value.clone() });
    written.trace = Some(Trace { formula: line.formula.clone(), inputs: inputs.collect() });
    Ok(written)
}

/// What sets a line apart from others of its class, which a document names in its own words.
pub(super) fn name_of(class: Class, label: &str) -> &str {
    match class {
        Class::Retail | Class::Demand | Class::FeedIn => {
            label.split_once(", ").map_or("", |(_, apart)| apart)
        }
        Class::Network => label.strip_prefix(GRID).map_or("", |it| it.trim_start_matches(", ")),
        Class::Fixed if label == STANDING => "",
        Class::Fixed | Class::Levy | Class::Minimum | Class::Banked => label,
        _ => "",
    }
}

/// The price per kWh that an input of a line names.
fn price(input: &super::Input) -> Option<UnitPrice> {
    if input.name != "price per kWh" {
        return None;
    }
    let amount = input.value.parse::<Decimal>().ok()?.to_scale(9)?;
    Some(UnitPrice { amount: Money::from_n(i64::try_from(amount).ok()?), per: 1000 })
}

/// The quantity that an input of a line names, if it is one above zero.
fn quantity(input: &super::Input) -> Option<Quantity> {
    let (amount, unit) = match (input.value.strip_suffix(" kWh"), &*input.name) {
        (Some(kwh), _) => (kwh.parse::<Decimal>().ok()?.to_scale(3)?, Unit::Wh),
        (None, "days") => (input.value.parse().ok()?, Unit::Day),
        (None, "power") => {
            let kw = input.value.strip_suffix(" kW")?;
            (kw.parse::<Decimal>().ok()?.to_scale(3)?, Unit::W)
        }
        _ => return None,
    };
    let amount = i64::try_from(amount).ok().filter(|amount| *amount > 0)?;
    Some(Quantity { amount, unit })
}

pub(super) fn kind(class: Class) -> Kind {
    match class {
        Class::Fixed => Kind::Fixed,
        Class::P2pBought => Kind::P2pBought,
        Class::Retail => Kind::Retail,
        Class::NetworkLocal => Kind::NetworkLocal,
        Class::Network => Kind::Network,
        Class::Levy => Kind::Levy,
        Class::PlatformBought => Kind::PlatformBought,
        Class::PlatformSold => Kind::PlatformSold,
        Class::P2pSold => Kind::P2pSold,
        Class::FeedIn => Kind::FeedIn,
        Class::MakeWhole => Kind::MakeWhole,
        Class::Compensation => Kind::Compensation,
        Class::SellerPenalty => Kind::SellerPenalty,
        Class::BuyerPenalty => Kind::BuyerPenalty,
        Class::Imbalance => Kind::Imbalance,
        Class::Demand => Kind::Demand,
        // Documents have no class of their own for these; their names say what they are.
        Class::Minimum | Class::Banked => Kind::Other,
        // Taxes stand by category and are no lines.
        Class::Vat => Kind::Other,
    }
}
