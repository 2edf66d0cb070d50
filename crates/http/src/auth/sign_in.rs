//! Sign-In With Solana: a wallet signs a text that says where it signs in and for how long, and gets a session.
//!
//! Between the two requests the server stores nothing but the secret. The nonce carries its time of issue, and a seal over that
//! and the address; the rest of the text follows from these and from the settings, so the signed text must be the one that was
//! issued, byte for byte. Used nonces are remembered until they expire. Both seals cover the page's host as well, so that a
//! token of another page's server with the same secret is refused here.
//!
//! Format: <https://github.com/phantom/sign-in-with-solana>, after EIP-4361.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::ValueEnum;
use counterfoil_core::Wallet;
use counterfoil_read::Session;
use ed25519_dalek::{Signature, VerifyingKey};
use jiff::{SignedDuration, Timestamp};

use super::secret::Secret;

pub(super) const SESSION_PREFIX: &str = "cfs_";
const STATEMENT: &str = "Sign in to read Counterfoil ledgers. This costs nothing and sends no transaction.";
const NONCE_PURPOSE: &[u8] = b"counterfoil sign-in v1\0";
const SESSION_PURPOSE: &[u8] = b"counterfoil session v1\0";
/// How long a text may wait for its signature.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// The places in which used nonces are marked, by their random bytes: memory has a bound however many sign in, and no
/// wallet is kept out. Of 100,000 within that time one in 160 finds its place taken, and is told to ask for another text.
const PLACES: u64 = 1 << 24;
/// Random bytes, time of issue, seal.
const NONCE_LENGTH: usize = 16 + 8 + 16;

/// The chain that the text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Chain {
    /// `mainnet`
    Mainnet,
    /// `testnet`
    Testnet,
    /// `devnet`
    Devnet,
    /// `localnet`
    Localnet,
}

/// How wallets sign in.
#[derive(Debug)]
pub struct SignIn {
    /// The page that asks for the signature.
    uri: String,
    /// Its host, and port if it names one. Wallets warn when a page of another domain asks.
    domain: String,
    chain: Chain,
    secret: Secret,
    lifetime: SignedDuration,
    used: Mutex<[Used; 2]>,
}

/// The nonces of one time of issue, as long as [`PATIENCE`], that were used. A text is good in the one in which it was
/// issued and in the next.
#[derive(Default)]
struct Used {
    period: i64,
    places: Vec<u64>,
}

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Used").field("period", &self.period).finish_non_exhaustive()
    }
}

/// The text is no address of a page.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not the address of a page: give it as https://app.example.com or http://localhost:3000/path")]
pub struct SignInUriError(String);

/// The reason that a wallet gets no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The nonce is missing, or not one of this server for this address.
    #[error("the nonce was not issued by this server for this address")]
    Nonce,
    /// The text is not the issued one.
    #[error("line {0} of the message is not as it was issued: sign it unchanged")]
    Message(usize),
    /// The time for the text is over.
    #[error("the message has expired: ask for another")]
    Expired,
    /// The signature is forged, or of another wallet.
    #[error("the signature is not this address's over this message")]
    Signature,
    /// The text was used before; seldom, another text shares its place.
    #[error("the message was used already: ask for another")]
    Used,
}

/// The text to sign, by its parts, as wallets take them for `solana:signIn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The host of the page, and its port if it names one.
    pub domain: String,
    /// The wallet that signs.
    pub address: Wallet,
    /// The purpose of the signature, in words.
    pub statement: &'static str,
    /// The page.
    pub uri: String,
    /// The chain.
    pub chain_id: &'static str,
    /// Random bytes, time of issue and seal, in base58.
    pub nonce: String,
    /// The time of issue.
    pub issued_at: Timestamp,
    /// The time from which the text is refused.
    pub expiration_time: Timestamp,
}

/// The one text of these parts.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, address, statement, uri, chain_id, nonce, issued_at, expiration_time } = self;
        write!(
            f,
            "{domain} wants you to sign in with your Solana account:\n{address}\n\n{statement}\n\nURI: {uri}\n\
             Version: 1\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: {issued_at}\n\
             Expiration Time: {expiration_time}"
        )
    }
}

impl SignIn {
    /// For pages at this address. Sessions last `lifetime`, in whole seconds.
    ///
    /// # Errors
    /// [`SignInUriError`].
    pub fn new(uri: &str, chain: Chain, secret: Secret, lifetime: Duration) -> Result<Self, SignInUriError> {
        let malformed = || SignInUriError(uri.escape_debug().to_string());
        let parsed: axum::http::Uri = uri.parse().map_err(|_| malformed())?;
        let authority = parsed.authority().filter(|authority| !authority.as_str().contains('@'));
        let is_page = matches!(parsed.scheme_str(), Some("https" | "http"));
        let authority = authority.filter(|_| is_page).ok_or_else(malformed)?;
        let lifetime = SignedDuration::from_secs(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
        let domain = authority.as_str().to_owned();
        Ok(Self { uri: uri.to_owned(), domain, chain, secret, lifetime, used: Mutex::default() })
    }

    /// The host of the page that asks for the signature.
    #[must_use]
    pub fn host(&self) -> &str {
        self.domain.rsplit_once(':').map_or(&self.domain, |(host, _)| host)
    }

    /// A text for a wallet to sign.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    ///
    /// # Panics
    /// When `now` is within five minutes of the last time that a [`Timestamp`] can be.
    pub fn issue(&self, wallet: Wallet, now: Timestamp) -> Result<Message, getrandom::Error> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce[..16])?;
        nonce[16..24].copy_from_slice(&now.as_second().to_be_bytes());
        let seal = self.secret.seal(NONCE_PURPOSE, &self.of_page(&[&wallet.0[..], &nonce[..24]]));
        nonce[24..].copy_from_slice(&seal[..16]);
        Ok(self.message(wallet, &nonce).expect("a clock that tells a time"))
    }

    /// Gives a wallet its session, for a text of [`Self::issue`] with its signature.
    ///
    /// # Errors
    /// [`SignInError`].
    pub fn accept(
        &self,
        wallet: Wallet,
        text: &str,
        signature: &[u8; 64],
        now: Timestamp,
    ) -> Result<(String, Session), SignInError> {
        let nonce = self.find_nonce(wallet, text).ok_or(SignInError::Nonce)?;
        let message = self.message(wallet, &nonce).ok_or(SignInError::Nonce)?;
        same_text(&message.to_string(), text)?;
        // A clock that was set back would make the time before it was issued good as well.
        if now >= message.expiration_time || now < message.issued_at {
            return Err(SignInError::Expired);
        }
        let key = VerifyingKey::from_bytes(&wallet.0).map_err(|_| SignInError::Signature)?;
        let is_signed = key.verify_strict(text.as_bytes(), &Signature::from_bytes(signature));
        is_signed.map_err(|_| SignInError::Signature)?;
        self.spend(&nonce, message.issued_at)?;
        Ok(self.open_session(wallet, now))
    }

    /// Reads a session's token; none for a token of another server, and for a session that is over at `now`.
    pub(super) fn open(&self, token: &str, now: Timestamp) -> Option<Session> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(SESSION_PREFIX)?).ok()?;
        let (content, seal) = bytes.split_at_checked(40)?;
        if seal.len() != 32 || !self.secret.is_seal(SESSION_PURPOSE, &self.of_page(&[content]), seal) {
            return None;
        }
        let (wallet, expires) = content.split_at_checked(32)?;
        let wallet = Wallet(wallet.try_into().ok()?);
        let expires = Timestamp::from_second(i64::from_be_bytes(expires.try_into().ok()?)).ok()?;
        Some(Session { wallet, expires }).filter(|session| !session.is_over(now))
    }

    /// Parts of known lengths, and then the page's host.
    fn of_page(&self, parts: &[&[u8]]) -> Vec<u8> {
        [parts.concat().as_slice(), self.domain.as_bytes()].concat()
    }

    fn open_session(&self, wallet: Wallet, now: Timestamp) -> (String, Session) {
        let second = now.as_second().saturating_add(self.lifetime.as_secs());
        let expires = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let content = [&wallet.0[..], &expires.as_second().to_be_bytes()].concat();
        let seal = self.secret.seal(SESSION_PURPOSE, &self.of_page(&[&content]));
        let token = format!("{SESSION_PREFIX}{}", URL_SAFE_NO_PAD.encode([&content[..], &seal].concat()));
        (token, Session { wallet, expires })
    }

    fn message(&self, wallet: Wallet, nonce: &[u8; NONCE_LENGTH]) -> Option<Message> {
        let second = i64::from_be_bytes(nonce[16..24].try_into().ok()?);
        let issued_at = Timestamp::from_second(second).ok()?;
        let chain_id = match self.chain {
            Chain::Mainnet => "mainnet",
            Chain::Testnet => "testnet",
            Chain::Devnet => "devnet",
            Chain::Localnet => "localnet",
        };
        Some(Message {
            domain: self.domain.clone(),
            address: wallet,
            statement: STATEMENT,
            uri: self.uri.clone(),
            chain_id,
            nonce: bs58::encode(nonce).into_string(),
            issued_at,
            expiration_time: issued_at.checked_add(PATIENCE).ok()?,
        })
    }

    fn find_nonce(&self, wallet: Wallet, text: &str) -> Option<[u8; NONCE_LENGTH]> {
        let line = text.lines().find_map(|line| line.strip_prefix("Nonce: "))?;
        // Decoding base58 takes time that grows with the square of its length.
        let nonce = bs58::decode(Some(line).filter(|line| line.len() <= 64)?).into_vec().ok()?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().ok()?;
        let sealed = self.of_page(&[&wallet.0[..], &nonce[..24]]);
        self.secret.is_seal(NONCE_PURPOSE, &sealed, &nonce[24..]).then_some(nonce)
    }

    fn spend(&self, nonce: &[u8; NONCE_LENGTH], issued: Timestamp) -> Result<(), SignInError> {
        let random: [u8; 8] = nonce[..8].try_into().map_err(|_| SignInError::Nonce)?;
        let place = u64::from_be_bytes(random) % PLACES;
        let period = issued.as_second().div_euclid(PATIENCE.as_secs());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let [even, odd] = &mut *used;
        let used = if period.rem_euclid(2) == 0 { even } else { odd };
        if used.period > period {
            // The clock was set back by more than a text is good for.
            return Err(SignInError::Expired);
        }
        if used.period < period || used.places.is_empty() {
            *used = Used { period, places: vec![0; usize::try_from(PLACES / 64).unwrap_or_default()] };
        }
        let word = usize::try_from(place / 64).ok().and_then(|word| used.places.get_mut(word));
        let word = word.ok_or(SignInError::Used)?;
        let bit = 1_u64 << (place % 64);
        let is_used = *word & bit != 0;
        *word |= bit;
        if is_used { Err(SignInError::Used) } else { Ok(()) }
    }
}

fn same_text(issued: &str, text: &str) -> Result<(), SignInError> {
    if issued == text {
        return Ok(());
    }
    let same = issued.split('\n').zip(text.split('\n')).take_while(|(issued, found)| issued == found).count();
    Err(SignInError::Message(same.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use counterfoil_core::Wallet;
    use jiff::{SignedDuration, Timestamp};
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::{Chain, Secret, SignIn, SignInError};

    const NOW: i64 = 1_780_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn sign_in(uri: &str) -> SignIn {
        SignIn::new(uri, Chain::Mainnet, Secret::generate().unwrap(), Duration::from_secs(900)).unwrap()
    }

    fn signer() -> (Ed25519KeyPair, Wallet) {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let wallet = Wallet(key.public_key().as_ref().try_into().unwrap());
        (key, wallet)
    }

    #[test]
    fn the_text_is_that_of_the_format() {
        let (_, wallet) = signer();
        let message = sign_in("https://app.example.com:8443/in").issue(wallet, at(NOW)).unwrap();
        let nonce = &message.nonce;
        assert!(nonce.len() >= 8 && nonce.bytes().all(|letter| letter.is_ascii_alphanumeric()), "{nonce}");
        let expected = format!(
            "app.example.com:8443 wants you to sign in with your Solana account:\n{wallet}\n\n\
             Sign in to read Counterfoil ledgers. This costs nothing and sends no transaction.\n\n\
             URI: https://app.example.com:8443/in\nVersion: 1\nChain ID: mainnet\nNonce: {nonce}\n\
             Issued At: 2026-05-28T20:26:40Z\nExpiration Time: 2026-05-28T20:31:40Z"
        );
        assert_eq!(message.to_string(), expected);
        for bad in ["", "app.example.com", "ftp://x", "https://", "https://user@x", "/path"] {
            SignIn::new(bad, Chain::Mainnet, Secret::generate().unwrap(), Duration::ZERO).expect_err(bad);
        }
    }

    #[test]
    fn a_text_is_good_from_its_issue_to_its_end() {
        let (key, wallet) = signer();
        let sign_in = sign_in("https://app.example.com");
        for (seconds, is_good) in [(-1, false), (0, true), (299, true), (300, false), (1 << 40, false)] {
            let text = sign_in.issue(wallet, at(NOW)).unwrap().to_string();
            let signature = key.sign(text.as_bytes()).as_ref().try_into().unwrap();
            let now = at(NOW).saturating_add(SignedDuration::from_secs(seconds)).unwrap();
            let accepted = sign_in.accept(wallet, &text, &signature, now);
            assert_eq!(accepted.as_ref().map(|_| ()), if is_good { Ok(()) } else { Err(&SignInError::Expired) });
            if let Ok((_, session)) = accepted {
                assert_eq!(session.expires, now + SignedDuration::from_secs(900));
            }
        }
    }

    #[test]
    fn a_nonce_is_used_once_however_many_were_and_none_is_kept_out_for_it() {
        let sign_in = sign_in("https://app.example.com");
        let nonce = |number: u64| {
            let mut nonce = [0; super::NONCE_LENGTH];
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            nonce
        };
        let times = [NOW, NOW + 299, NOW + 300];
        for number in 0..100_000 {
            for time in times {
                let expected = if time == NOW + 299 { Err(SignInError::Used) } else { Ok(()) };
                // The first two are of one time of issue, the third of the next.
                let begin = NOW - NOW.rem_euclid(300);
                assert_eq!(sign_in.spend(&nonce(number), at(begin + time - NOW)), expected, "{number} {time}");
            }
        }
        assert_eq!(sign_in.spend(&nonce(0), at(NOW)), Err(SignInError::Used));
        sign_in.spend(&nonce(100_000), at(NOW)).unwrap();
        // Two times of issue later the places of the first are empty, and what is of it is too late.
        sign_in.spend(&nonce(0), at(NOW + 600)).unwrap();
        assert_eq!(sign_in.spend(&nonce(1), at(NOW)), Err(SignInError::Expired));
        let bytes: usize = sign_in.used.lock().unwrap().iter().map(|used| used.places.len() * 8).sum();
        assert_eq!(bytes, 4 << 20);
    }

    #[test]
    fn what_a_server_of_another_page_gave_is_worth_nothing_with_the_same_secret() {
        let (key, wallet) = signer();
        let secret = Secret::generate().unwrap();
        let of = |uri: &str| SignIn::new(uri, Chain::Mainnet, secret.clone(), Duration::from_secs(900)).unwrap();
        let (one, other) = (of("https://app.example.com"), of("https://other.example.com"));
        let (token, session) = one.open_session(wallet, at(NOW));
        assert_eq!((one.open(&token, at(NOW)), other.open(&token, at(NOW))), (Some(session), None));
        // Another process of the same page knows it.
        assert_eq!(of("https://app.example.com").open(&token, at(NOW)), Some(session));
        let text = one.issue(wallet, at(NOW)).unwrap().to_string();
        for text in [text.clone(), text.replace("app.example", "other.example")] {
            let signature = key.sign(text.as_bytes()).as_ref().try_into().unwrap();
            assert_eq!(other.accept(wallet, &text, &signature, at(NOW)).map(|_| ()), Err(SignInError::Nonce));
        }
    }

    #[test]
    fn nothing_that_was_changed_opens_a_session() {
        let (_, wallet) = signer();
        let sign_in = sign_in("https://app.example.com");
        let (token, session) = sign_in.open_session(wallet, at(NOW));
        assert_eq!(sign_in.open(&token, at(NOW + 899)), Some(session));
        assert_eq!(sign_in.open(&token, at(NOW + 900)), None, "it is over");
        let good = token.as_bytes();
        for position in 0..good.len() {
            let mut changed = good.to_vec();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(sign_in.open(std::str::from_utf8(&changed).unwrap(), at(NOW)), None, "{position}");
        }
        for bad in ["", "cfs_", &token[..token.len() - 4], &format!("{token}AAAA"), &format!("{token}=")] {
            assert_eq!(sign_in.open(bad, at(NOW)), None, "{bad}");
        }
        assert!(!format!("{sign_in:?}").contains("Hmac"));
    }
}
