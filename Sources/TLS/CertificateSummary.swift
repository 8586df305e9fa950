import COpenSSL
import Glibc
import NetworkTypes

/// What an admin wants to know of a certificate.
public struct CertificateSummary: Hashable, Sendable {
    /// Whom it is for: its domains and addresses, else its subject.
    public let names: [String]
    /// Seconds since 1970.
    public let notBefore: Int64
    public let notAfter: Int64

    init(_ certificate: OpaquePointer) {
        notBefore = Self.seconds(X509_get0_notBefore(certificate))
        notAfter = Self.seconds(X509_get0_notAfter(certificate))
        let identities = SIPDomainIdentities(of: certificate)
        let found = identities.domains + identities.addresses.map(\.description)
        names = found.isEmpty ? SIPDomainIdentities.commonNames(of: certificate) : found
    }

    /// Reads the first certificate of a PEM file.
    public init(contentsOf path: String) throws(TLSFailure) {
        ERR_clear_error()
        guard let file = BIO_new_file(path, "r") else {
            ERR_clear_error()
            throw TLSFailure("\(path) can't be read: \(String(cString: strerror(errno)))")
        }
        defer { BIO_free(file) }
        guard let certificate = PEM_read_bio_X509(file, nil, { _, _, _, _ in 0 }, nil) else {
            throw .openSSL("the certificate in \(path) can't be used")
        }
        defer { X509_free(certificate) }
        self.init(certificate)
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var fields = tm()
        guard let time, ASN1_TIME_to_tm(time, &fields) == 1 else { return 0 }
        return Int64(timegm(&fields))
    }

    /// Whether it is not valid at that time, in words.
    public func defect(at seconds: Int64) -> String? {
        if seconds > notAfter { return "has expired \(Self.age(seconds - notAfter)) ago" }
        if seconds < notBefore { return "is not valid yet, for another \(Self.age(notBefore - seconds))" }
        return nil
    }

    private static func age(_ seconds: Int64) -> String {
        seconds >= 2 * 86_400
            ? "\(seconds / 86_400) days" : seconds >= 7200 ? "\(seconds / 3600) hours" : "\(seconds / 60) minutes"
    }
}
