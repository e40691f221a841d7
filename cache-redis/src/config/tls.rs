//! TLS, over rustls.
//!
//! rustls asks the process for its cryptography. A program that has chosen one (with
//! `CryptoProvider::install_default`, before it builds a `Redis`) keeps it; for all others it is `ring`:
//! without one the client would panic when it connects.

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
        // Somebody else may have been faster: then there is one.
        let _ = ring::default_provider().install_default();
    }
    let Some(certificates) = certificates else { return Ok(info) };
    let client =
        Client::build_with_tls(info, certificates.clone()).map_err(|error| error.to_string())?;
    Ok(client.get_connection_info().clone())
}
