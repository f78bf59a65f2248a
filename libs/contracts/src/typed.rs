//! What wallets are shown and sign (`eth_signTypedData_v4`).

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolStruct;
use serde_json::{Value, json};

use crate::requests::{MeterEnrolment, sol_types};

/// Typed data as wallets take it, of one struct without others in it (EIP-712).
pub(crate) fn typed_data(encoded: &str, domain: Value, message: Value) -> Value {
    let of = |text: &str| -> Vec<Value> {
        let fields = text.split(',').filter_map(|field| field.split_once(' '));
        fields.map(|(kind, name)| json!({ "name": name, "type": kind })).collect()
    };
    let (name, fields) = encoded.split_once('(').expect("an encoded type has fields");
    let contract = "string name,string version,uint256 chainId,address verifyingContract";
    json!({
        "types": { "EIP712Domain": of(contract), name: of(fields.trim_end_matches(')')) },
        "primaryType": name,
        "domain": domain,
        "message": message,
    })
}

/// What both addresses of [`crate::requests::succession`] sign.
pub fn succession_data(
    chain_id: u64,
    market: Address,
    (account, successor): (Address, Address),
    from: u64,
) -> Value {
    let message = json!({ "account": account, "successor": successor, "from": from.to_string() });
    let domain = domain("Wattex Identity", chain_id, market);
    typed_data(&sol_types::Succession::eip712_encode_type(), domain, message)
}

/// What the owner of [`crate::requests::enrolment`] signs.
pub fn enrolment_data(chain_id: u64, meters: Address, of: &MeterEnrolment) -> Value {
    let message = json!({
        "meter": B256::from(of.meter.to_bytes32()), "key": of.key, "owner": of.owner,
        "installer": of.installer,
        "connectionPoint": B256::from(of.connection_point.to_bytes32()), "version": of.version,
    });
    let domain = domain("Wattex MeterRegistry", chain_id, meters);
    typed_data(&sol_types::Enrolment::eip712_encode_type(), domain, message)
}

fn domain(name: &str, chain_id: u64, contract: Address) -> Value {
    json!({ "name": name, "version": "1", "chainId": chain_id, "verifyingContract": contract })
}

#[cfg(test)]
mod tests {
    use alloy_dyn_abi::TypedData;
    use ids::{ConnectionPointId, MeterId};

    use super::*;
    use crate::requests::{enrolment, succession};

    fn hash(typed: Value) -> B256 {
        serde_json::from_value::<TypedData>(typed).unwrap().eip712_signing_hash().unwrap()
    }

    #[test]
    fn a_wallet_signs_the_hashes_of_a_succession_and_of_its_meters() {
        let [market, account, successor] = [1, 2, 3].map(Address::repeat_byte);
        let of = (account, successor);
        let data = succession_data(77, market, of, 1_780_000_000);
        assert_eq!(hash(data), succession(77, market, of, 1_780_000_000));
        let of = MeterEnrolment {
            meter: MeterId::derived("m"),
            key: Address::repeat_byte(4),
            owner: successor,
            installer: Address::repeat_byte(5),
            connection_point: ConnectionPointId::derived("c"),
            version: 2,
        };
        assert_eq!(hash(enrolment_data(77, market, &of)), enrolment(77, market, &of));
    }
}
