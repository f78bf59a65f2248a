//! How systems and people outside are told what happens, as options of a program.

use notices::Network;

use crate::node::Outside;

/// Where messages may go.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct OutsideOptions {
    /// A network that webhooks may go to though it is not public, e.g. 10.20.0.0/16; http is
    /// allowed there. Several are separated by commas.
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    webhook_networks: Vec<Network>,
}

impl OutsideOptions {
    /// The settings of the node.
    pub fn outside(&self) -> Outside {
        Outside { webhook_networks: self.webhook_networks.clone() }
    }
}
