//! The signature of access tokens, HMAC with SHA-256, as `jsonwebtoken` asks for it.
//!
//! That library comes without cryptography here: its own brings RSA and elliptic curves as well,
//! twenty crates that nothing of ours would call.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use sha2::Sha256;

/// The only algorithm; a token that names another is refused, whatever its signature.
pub(super) const ALGORITHM: Algorithm = Algorithm::HS256;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` sign and verify as this module says, in the whole process. Has to be called
/// before the first token is signed or read; further calls change nothing.
pub(super) fn install() {
    // The error says that a provider is installed, and no other place of the program does that.
    let _ = PROVIDER.install_default();
}

/// HMAC under one key.
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, family: AlgorithmFamily, key: &[u8]) -> Result<Self> {
        if algorithm != ALGORITHM {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        if family != AlgorithmFamily::Hmac {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let hmac = Hmac::new_from_slice(key).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Self(hmac))
    }

    fn of(&self, message: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(message)
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.of(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// Compares in a time that does not depend on where the signatures differ.
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        let hmac = self.of(message);
        hmac.verify_slice(signature)
            .map_err(SignatureError::from_source)
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let signer = Hs256::new(*algorithm, key.family(), key.as_bytes())?;
    Ok(Box::new(signer))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let verifier = Hs256::new(*algorithm, key.family(), key.try_get_as_bytes()?)?;
    Ok(Box::new(verifier))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// RFC 7515, appendix A.1.
    const KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const MESSAGE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    #[test]
    fn the_example_of_the_standard_is_signed_and_verified() {
        install();
        install();
        let key = URL_SAFE_NO_PAD.decode(KEY).unwrap();
        let signing = EncodingKey::from_secret(&key);
        let signed = jsonwebtoken::crypto::sign(MESSAGE.as_bytes(), &signing, ALGORITHM).unwrap();
        assert_eq!(signed, SIGNATURE);

        let reading = DecodingKey::from_secret(&key);
        let verify = |signature: &str, message: &str| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &reading, ALGORITHM)
        };
        assert!(verify(SIGNATURE, MESSAGE).unwrap());
        assert!(!verify(SIGNATURE, "another message").unwrap());
        assert!(!verify(&SIGNATURE[..SIGNATURE.len() - 1], MESSAGE).unwrap_or(false));
        assert!(!verify("", MESSAGE).unwrap());
    }

    #[test]
    fn no_other_algorithm_is_signed_or_verified() {
        let secret = [7; 64];
        let (signing, reading) = (
            EncodingKey::from_secret(&secret),
            DecodingKey::from_secret(&secret),
        );
        for algorithm in [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256] {
            assert!(signer(&algorithm, &signing).is_err(), "{algorithm:?}");
            assert!(verifier(&algorithm, &reading).is_err(), "{algorithm:?}");
        }
    }
}
