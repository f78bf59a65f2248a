//! The records on chain: the invoice, the one before it, the tariff in force.

use calendar::LocalDay;

use super::report::Supports;
use super::{Verifier, tariff_key};
use crate::domain::correction;

impl Verifier<'_> {
    /// The invoice is the only one of its days.
    pub(super) fn check_record_of_invoice(&mut self) {
        let invoice = &self.bill.invoice;
        let records = self.bill.evidence.chain.contracts.records;
        let subject = (invoice.address, invoice.meter);
        match self.state.invoice(records, subject, invoice.period.from.number()) {
            Ok(record) if record.hash != invoice.hash() => {
                self.fail("invoice", Supports::All, "its hash is not the one the chain holds");
            }
            Ok(record) if record.to != invoice.period.to.number() => {
                let reason = "the chain holds it for another period: days could be billed twice";
                self.fail("invoice.period", Supports::All, reason);
            }
            Ok(record) => self.unbilled_since = record.since,
            Err(error) => {
                self.fail("invoice", Supports::All, format!("its record is not proved: {error}"));
            }
        }
    }

    /// What goes on from the invoice before is from the one on chain, or there was none.
    pub(super) fn check_previous(&mut self) {
        let (invoice, evidence) = (&self.bill.invoice, &self.bill.evidence);
        let part = "evidence.previous";
        let reason = match &evidence.previous {
            None if !evidence.tariff.carries() || self.unbilled_since == 0 => return,
            None => "the tariff carries something over, and the invoice before is missing",
            Some(_) if !evidence.tariff.carries() => "the tariff carries nothing over",
            Some(previous) => {
                let records = evidence.chain.contracts.records;
                let subject = (previous.address, previous.meter);
                let from = previous.period.from.number();
                let next = previous.period.to.next().number();
                let since = match self.unbilled_since {
                    0 => invoice.period.from.number(),
                    since => since,
                };
                match self.state.invoice(records, subject, from) {
                    Ok(record) if record.hash != previous.hash() => {
                        "its hash is not the one the chain holds"
                    }
                    Ok(_) if previous.account != invoice.account => "it is of another account",
                    // The first of an address goes on from the meter's last, the day before.
                    Ok(_) if self.unbilled_since == 0 && previous.meter != invoice.meter => {
                        "it is of another meter"
                    }
                    Ok(_) if self.unbilled_since != 0 && previous.address != invoice.address => {
                        "it is of another address"
                    }
                    Ok(_) if next != since => "it is not the last one before this",
                    Ok(_) => {
                        self.previous_holds = true;
                        return;
                    }
                    Err(error) => {
                        let reason = format!("its record is not proved: {error}");
                        return self.fail(part, Supports::Rated, reason);
                    }
                }
            }
        };
        self.fail(part, Supports::Rated, reason);
    }

    /// What goes on from a correction of the invoice before is from one on chain.
    pub(super) fn check_previous_corrected(&mut self) {
        let evidence = &self.bill.evidence;
        let Some(corrected) = &evidence.previous_corrected else { return };
        let part = "evidence.previous_corrected";
        let records = evidence.chain.contracts.records;
        let previous = evidence.previous.as_deref();
        let previous = previous.filter(|previous| previous.hash() == corrected.corrects.hash);
        let reason = match previous {
            None => "it corrects another invoice than the one before".to_owned(),
            Some(previous) => {
                let place = corrected.place;
                match self.state.invoice(records, correction::subject(previous), place) {
                    Ok(record) if record.hash == corrected.hash() => return,
                    Ok(_) => "its hash is not the one the chain holds".to_owned(),
                    Err(error) => format!("its record is not proved: {error}"),
                }
            }
        };
        self.previous_holds = false;
        self.fail(part, Supports::Rated, reason);
    }

    /// The tariff's hash was on chain before the period began, and no later version was in force.
    pub(super) fn check_tariff(&mut self) {
        let (invoice, evidence) = (&self.bill.invoice, &self.bill.evidence);
        let tariff = &evidence.tariff;
        let terms = tariff.head();
        let part = "evidence.tariff";
        if tariff.hash() != invoice.tariff {
            self.fail(part, Supports::Rated, "it is not the tariff that the invoice names");
        }
        if terms.valid_from > invoice.period.from {
            self.fail(part, Supports::Rated, "it was not yet valid when the period began");
        }
        if let Some(pinned) = self.trust.and_then(|trust| trust.tariff.as_ref())
            && (pinned.community, &pinned.id, pinned.timezone.as_str())
                != (invoice.community, &terms.id, terms.timezone.name())
        {
            self.fail(part, Supports::Rated, "it is not the tariff that the trust file names");
        }
        let key = tariff_key(invoice.community, &terms.id);
        let records = evidence.chain.contracts.records;
        let begin = terms.timezone.start_of(invoice.period.from);
        let version = evidence.tariff_version;
        match self.state.tariff(records, key, version) {
            Ok(record) if record.hash != tariff.hash() => {
                self.fail(part, Supports::Rated, "its hash is not the one the chain holds");
            }
            Ok(record) if record.valid_from != terms.valid_from.number() => {
                self.fail(part, Supports::Rated, "on chain it is in force from another day");
            }
            Ok(record) if record.time > begin.unsigned() && !self.is_retariffed() => {
                self.fail(part, Supports::Rated, "it was put on chain after the period had begun");
            }
            Ok(_) => {}
            Err(error) => {
                self.fail(part, Supports::Rated, format!("its record is not proved: {error}"));
            }
        }
        // The contract takes no version that begins before the last one: the next one says it all.
        // It counts from the first day that begins after it was put on chain.
        let last_day = terms.timezone.start_of(invoice.period.to);
        match self.state.tariff(records, key, version.saturating_add(1)) {
            Ok(next)
                if (1..self.invoiced_at).contains(&next.time)
                    && next.valid_from <= invoice.period.to.number()
                    && (next.time <= last_day.unsigned() || self.is_retariffed()) =>
            {
                let from = LocalDay::from_number(next.valid_from);
                let reason = format!("another version of it is in force from {from}");
                self.fail("evidence.tariff_version", Supports::Rated, reason);
            }
            Ok(_) => {}
            Err(error) => {
                let reason = format!("that no later version exists is not proved: {error}");
                self.fail("evidence.tariff_version", Supports::Rated, reason);
            }
        }
    }
}
