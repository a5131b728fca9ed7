//! TLS by certificate files.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// PEM files: the certificate with those that lead to its root, and its key.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Why there is no TLS. The key is never told.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or not PEM.
    #[error("{0}: {1}")]
    File(PathBuf, String),
    /// The key is not that of the certificate, or of a kind that is not spoken: the certificate, the key, and why.
    #[error("the certificate {0} and the key {1} are no pair: {2}")]
    Pair(PathBuf, PathBuf, String),
}

impl Tls {
    /// Reads the files.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let wrong = |path: &PathBuf, what: String| TlsError::File(path.clone(), what);
        let chain = CertificateDer::pem_file_iter(&self.certificate);
        let chain = chain.map_err(|error| wrong(&self.certificate, error.to_string()))?;
        let chain: Result<Vec<_>, _> = chain.collect();
        let chain = chain.map_err(|error| wrong(&self.certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(&self.certificate, "has no certificate".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| wrong(&self.key, error.to_string()))?;
        let pair = |error: tokio_rustls::rustls::Error| {
            TlsError::Pair(
                self.certificate.clone(),
                self.key.clone(),
                error.to_string(),
            )
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
