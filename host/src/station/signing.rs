//! Whether a station gets the certificate that it asks for. Pure; knows no authority.

use crate::domain::{StationId, StationRecord};
use crate::ocpp::SignCertificate;
use crate::tls::{BadRequest, SigningRequest};

/// Why not. For the operator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotSigned {
    #[error("it asks for a certificate for contracts, and only those of stations are signed here")]
    OtherPurpose,
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    #[error("it asks for a certificate for {0:?}, which is neither its id nor its serial number")]
    OtherName(String),
}

/// OCPP wants the serial number as the common name (1.6 security whitepaper §5.1, 2.0.1 part 2, A00); many
/// stations name the id under which they connect. Either is the station's own.
pub(super) fn check(
    wanted: &SignCertificate,
    station: &StationId,
    record: &StationRecord,
) -> Result<(), NotSigned> {
    if !wanted.is_for_station {
        return Err(NotSigned::OtherPurpose);
    }
    let name = SigningRequest::read(&wanted.request)?.common_name;
    let serial = record.boot.as_ref().and_then(|boot| boot.serial.as_ref());
    if name == station.as_str() || serial == Some(&name) {
        Ok(())
    } else {
        Err(NotSigned::OtherName(name))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;
    use crate::domain::{BootInfo, Millis};

    fn wanted(name: &str) -> SignCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        SignCertificate { request: request.pem().unwrap(), number: None, is_for_station: true }
    }

    #[test]
    fn a_station_gets_a_certificate_for_its_own_names_only() {
        let boot = BootInfo {
            vendor: "V".into(),
            model: "M".into(),
            serial: Some("SN-7".into()),
            firmware: None,
            at: Millis(1),
        };
        let record = StationRecord { boot: Some(boot), ..StationRecord::default() };
        let ask = |wanted| check(&wanted, &"CS1".parse().unwrap(), &record);
        assert_eq!(ask(wanted("CS1")), Ok(()));
        assert_eq!(ask(wanted("SN-7")), Ok(()));
        assert_eq!(ask(wanted("CS2")), Err(NotSigned::OtherName("CS2".into())));
        let contract = SignCertificate { is_for_station: false, ..wanted("CS1") };
        assert_eq!(ask(contract), Err(NotSigned::OtherPurpose));
    }
}
