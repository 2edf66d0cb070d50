//! The TLS certificate, reloaded when its files change; no signal is needed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tracing::{info, warn};

use crate::secret_file::{SecretFileError, read_secret_file};

/// The interval between reads of the files. They are small, and unchanged ones are not parsed.
const LOOK: Duration = Duration::from_secs(60);

/// A certificate and its key, both in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, then the chain to a root.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

/// The reason that a certificate is not served. None repeats a part of the key's file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate cannot be read.
    #[error("the certificate {}", .0.certificate.display())]
    Unreadable(TlsFiles, #[source] io::Error),
    /// The key cannot be read, or is not safe.
    #[error("the key {}", .0.key.display())]
    Key(TlsFiles, #[source] SecretFileError),
    /// The certificate's file is not PEM.
    #[error("the certificate {}", .0.certificate.display())]
    Certificate(TlsFiles, #[source] pem::Error),
    /// The key's file is not PEM of a private key.
    #[error("{} is not a private key in PEM", .0.key.display())]
    NotAKey(TlsFiles),
    /// Certificate and key do not belong together, or are of no use for TLS.
    #[error("the certificate {} with the key {}", .0.certificate.display(), .0.key.display())]
    Pair(TlsFiles, #[source] rustls::Error),
    /// The provider has no version of TLS.
    #[error("no version of TLS")]
    Version(#[from] rustls::Error),
}

/// The certificate in use: the last good pair of its files.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    served: RwLock<Served>,
}

#[derive(Clone, Debug)]
struct Served {
    /// Over both files.
    digest: [u8; 32],
    pair: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads a certificate chain and its key.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not belong together.
    pub fn read(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let read = Files::read(&files)?;
        let served = Served { digest: read.digest(), pair: Arc::new(read.parse(&files)?) };
        Ok(Arc::new(Self { files, served: RwLock::new(served) }))
    }

    /// Serves the certificate and reloads it, as long as the acceptor lives. Needs Tokio's runtime.
    ///
    /// # Errors
    /// Never, as long as the provider has a version of TLS.
    pub fn serve(self: Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        tokio::spawn(keep_fresh(Arc::downgrade(&self)));
        self.acceptor()
    }

    /// An acceptor that takes for each handshake the pair in use. The client chooses the HTTP version.
    fn acceptor(self: Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }

    /// Reloads the files, and returns whether they have changed. A pair that is not good leaves the one before in use.
    fn refresh(&self) -> Result<bool, TlsError> {
        let read = Files::read(&self.files)?;
        let digest = read.digest();
        if self.served().digest == digest {
            return Ok(false);
        }
        let pair = Arc::new(read.parse(&self.files)?);
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Served { digest, pair };
        Ok(true)
    }

    fn served(&self) -> Served {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reloads the certificate from time to time, as long as it is served.
async fn keep_fresh(certificate: Weak<Certificate>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(certificate) = certificate.upgrade() else { return };
        // A renewal writes one file after the other: between the two they do not belong together.
        match certificate.refresh() {
            Ok(true) => info!("serving the renewed certificate {}", certificate.files.certificate.display()),
            Ok(false) => {}
            Err(error) => warn!("the certificate that was read before stays in use: {}", Causes(&error)),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served().pair)
    }
}

/// The bytes of both; those of the key are secret.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let certificate = std::fs::read(&files.certificate);
        Ok(Self {
            certificate: certificate.map_err(|cause| TlsError::Unreadable(files.clone(), cause))?,
            key: read_secret_file(&files.key).map_err(|cause| TlsError::Key(files.clone(), cause))?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [Sha256::digest(&self.certificate), Sha256::digest(&self.key)];
        Sha256::digest(parts.concat()).into()
    }

    fn parse(&self, files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|cause| TlsError::Certificate(files.clone(), cause))?;
        // The error may hold bytes of the file, which is secret.
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NotAKey(files.clone()))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|cause| TlsError::Pair(files.clone(), cause))
    }
}

/// An error with all its causes, in one line.
struct Causes<'a>(&'a TlsError);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::sync::Arc;

    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::{Causes, Certificate, LOOK, TlsFiles, keep_fresh};

    /// A certificate for localhost that signs itself.
    pub(crate) fn make(folder: &Path, name: &str) -> TlsFiles {
        let path = |kind: &str| folder.join(format!("{name}.{kind}"));
        let files = TlsFiles { certificate: path("certificate"), key: path("key") };
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&files.key)
            .arg("-out")
            .arg(&files.certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        files
    }

    fn certificate_of(files: &TlsFiles) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&files.certificate).unwrap()
    }

    /// The certificate that a client is shown who trusts all of these.
    async fn shown(acceptor: &TlsAcceptor, trusted: &[&TlsFiles]) -> CertificateDer<'static> {
        let mut roots = RootCertStore::empty();
        trusted.iter().for_each(|files| roots.add(certificate_of(files)).unwrap());
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        let (client, server) = tokio::io::duplex(1 << 16);
        let name = ServerName::try_from("localhost").unwrap();
        let (client, server) = tokio::join!(connector.connect(name, client), acceptor.accept(server));
        let (client, _server) = (client.unwrap(), server.unwrap());
        client.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    #[test]
    fn a_pair_that_is_not_good_leaves_the_one_before_and_tells_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (make(folder.path(), "old"), make(folder.path(), "new"));
        let secret = std::fs::read_to_string(&new.key).unwrap();
        let certificate = Certificate::read(old.clone()).unwrap();
        assert!(!certificate.refresh().unwrap(), "nothing has changed");
        let good = certificate.served().digest;
        for (of_certificate, of_key, expected) in [
            (Some(std::fs::read(&new.certificate).unwrap()), None, "with the key"),
            (Some(Vec::new()), None, "with the key"),
            (Some(b"-----BEGIN CERTIFICATE-----\n!\n".to_vec()), None, "the certificate"),
            (None, Some(secret.replace("-----END", "-----AND").into_bytes()), "is not a private key"),
            (None, Some(secret.replace('\n', "\nA").into_bytes()), "is not a private key"),
        ] {
            let before = (std::fs::read(&old.certificate).unwrap(), std::fs::read(&old.key).unwrap());
            std::fs::write(&old.certificate, of_certificate.as_ref().unwrap_or(&before.0)).unwrap();
            std::fs::write(&old.key, of_key.as_ref().unwrap_or(&before.1)).unwrap();
            let refused = Causes(&certificate.refresh().unwrap_err()).to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(secret.lines().filter(|line| !line.starts_with('-')).all(|line| !refused.contains(line)));
            assert_eq!(certificate.served().digest, good, "{refused}");
            std::fs::write(&old.certificate, before.0).unwrap();
            std::fs::write(&old.key, before.1).unwrap();
        }
        std::fs::remove_file(&old.key).unwrap();
        assert!(certificate.refresh().is_err());
        assert_eq!(certificate.served().digest, good);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_served_once_both_its_files_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let (before, renewed) = (make(folder.path(), "before"), make(folder.path(), "renewed"));
        // As certbot renews: a link is put to other files, one after the other.
        let link = |target: &Path, link: &Path| {
            let _ = std::fs::remove_file(link);
            std::os::unix::fs::symlink(target, link).unwrap();
        };
        let live = TlsFiles { certificate: folder.path().join("live"), key: folder.path().join("live.key") };
        link(&before.certificate, &live.certificate);
        link(&before.key, &live.key);
        let certificate = Certificate::read(live.clone()).unwrap();
        let acceptor = certificate.clone().acceptor().unwrap();
        let keeping = tokio::spawn(keep_fresh(Arc::downgrade(&certificate)));
        let trusted = [&before, &renewed];
        assert_eq!(shown(&acceptor, &trusted).await, certificate_of(&before));
        link(&renewed.certificate, &live.certificate);
        tokio::time::sleep(2 * LOOK).await;
        assert_eq!(shown(&acceptor, &trusted).await, certificate_of(&before));
        link(&renewed.key, &live.key);
        tokio::time::sleep(2 * LOOK).await;
        assert_eq!(shown(&acceptor, &trusted).await, certificate_of(&renewed));
        drop((certificate, acceptor));
        keeping.await.unwrap();
    }
}
