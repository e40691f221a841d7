//! TLS, over rustls.
//!
//! rustls takes its cryptography from the process. A program that has chosen a provider (with
//! `CryptoProvider::install_default`, before it builds a `Redis`) keeps it; otherwise larder
//! installs `ring`. Without a provider the client would panic when it connects.

use redis::{Client, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};

pub(super) fn equipped(
    info: ConnectionInfo,
    certificates: Option<&TlsCertificates>,
) -> Result<ConnectionInfo, String> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return match certificates {
            None => Ok(info),
            Some(_) => Err("the URL is not one of TLS: write `rediss://`".to_owned()),
        };
    }
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread installed a provider first.
        let _ = ring::default_provider().install_default();
    }
    let Some(certificates) = certificates else { return Ok(info) };
    let client =
        Client::build_with_tls(info, certificates.clone()).map_err(|error| error.to_string())?;
    Ok(client.get_connection_info().clone())
}
