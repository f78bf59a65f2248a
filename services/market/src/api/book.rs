//! The table of open offers.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use contracts::Side;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Decimal;
use utoipa::{IntoParams, ToSchema};

use super::orders::{page, per_kwh};
use crate::domain::{Accepted, Exchange, Status};
use crate::market::Market;

/// Which offers are wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BookQuery {
    /// Of the slot that starts then; of all open slots when absent.
    slot: Option<String>,
    /// `sell`, which is the default, or `buy`.
    side: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// One open offer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct OfferView {
    /// The order.
    #[schema(format = "uuid")]
    order_id: String,
    /// The name that others see.
    seller: String,
    /// The meter's number, all but its end hidden.
    meter: String,
    /// Start of the slot.
    slot: String,
    /// Energy in kWh, exact.
    amount_kwh: String,
    /// Energy in Wh.
    quantity_wh: u64,
    /// Currency per kWh: a seller's net, a buyer's all-in.
    price: String,
    /// Amount times price.
    total: String,
    /// Whether it is the caller's own.
    own: bool,
}

/// Lists open offers by slot, the best price first.
///
/// Sealed orders are not among them: `/v1/slots/{start}` says how many commitments there are.
#[utoipa::path(
    tag = "market",
    params(BookQuery),
    responses((status = 200, body = Page<OfferView>), Problems)
)]
#[get("/v1/book")]
pub(crate) async fn get_book(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<BookQuery>,
) -> Result<Json<Page<OfferView>>, Problem> {
    let side = match query.side.as_deref() {
        None | Some("sell") => Side::Sell,
        Some("buy") => Side::Buy,
        Some(_) => return Err(Problem::malformed("side: buy or sell")),
    };
    let mut offers = Vec::new();
    for desk in market.desks_of(caller.community) {
        let slot = query.slot.as_deref().map(|start| super::slot_of(desk, start)).transpose()?;
        let book = desk.book().await;
        let mut open: Vec<&Accepted> = book
            .orders()
            .filter(|order| order.status == Status::Open && order.terms.side == side)
            .filter(|order| slot.is_none_or(|slot| slot.start == order.slot()))
            .filter(|order| !book.is_hidden(order.slot()))
            .collect();
        open.sort_by_key(|order| {
            let price = order.limit().n_per_wh();
            let merit = if side == Side::Sell { price } else { -price };
            (order.slot(), merit, order.sequence)
        });
        offers.extend(open.into_iter().map(|order| offer(&book, order, &caller)));
    }
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(offers, &wanted, |offer| offer.order_id.clone())
}

fn offer(book: &Exchange, order: &Accepted, caller: &Principal) -> OfferView {
    let member = book.member(order.account);
    let (quantity, price) = (order.open(), order.limit());
    let total = price.cost_of(quantity).unwrap_or(order.hold);
    OfferView {
        order_id: order.id.to_string(),
        seller: member.map(|member| member.pseudonym.clone()).unwrap_or_default(),
        meter: masked(book.meter(order.terms.connection_point).unwrap_or_default()),
        slot: order.slot().to_string(),
        amount_kwh: Decimal::new(i128::from(quantity.wh()), 3).to_string(),
        quantity_wh: quantity.wh(),
        price: per_kwh(price),
        total: total.to_string(),
        own: caller.account == Some(order.account),
    }
}

/// A serial of which only the last three characters can be read.
fn masked(serial: &str) -> String {
    let count = serial.chars().count();
    let hidden = if count > 6 { count - 3 } else { count };
    let mask = |(place, letter): (usize, char)| if place < hidden { '*' } else { letter };
    serial.chars().enumerate().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_meter_number_shows_its_end_only() {
        let cases = [("1EMH0012345678", "***********678"), ("12", "**"), ("", "")];
        for (serial, shown) in cases {
            assert_eq!(masked(serial), shown);
        }
    }
}
