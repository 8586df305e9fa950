import COpenSSL
import Glibc
import NetworkTypes

/// A CA for tests and for the private use of a few hosts: ECDSA keys on P-256, certificates in PEM.
public final class CertificateAuthority {
    /// A certificate and its key as PEM text.
    public struct Issued: Sendable {
        public let certificate: [UInt8]
        public let key: [UInt8]

        public init(certificate: [UInt8], key: [UInt8]) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// What a certificate is issued for.
    public struct Request: Sendable {
        /// Domains and addresses.
        public var names: [String]
        /// SIP URIs without a user, such as `sip:example.org` (RFC 5922 §4).
        public var uris: [String] = []
        public var commonName: String?
        /// Seconds from now.
        public var begins: Int
        public var ends: Int

        public init(_ names: [String], begins: Int = -3600, ends: Int = 825 * 86_400) {
            self.names = names
            self.begins = begins
            self.ends = ends
        }
    }

    /// Its own certificate and key.
    public let issued: Issued
    private let certificate: OpaquePointer
    private let key: OpaquePointer

    /// A new one.
    public init(name: String, days: Int = 3650) throws(TLSFailure) {
        let (certificate, key) = (try Self.blank(), try Self.newKey())
        (self.certificate, self.key) = (certificate, key)
        issued = try Self.fill(
            certificate, key, name: name, begins: -3600, ends: days * 86_400, issuer: certificate, signer: key,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ])
    }

    /// One that was made before.
    public init(_ issued: Issued) throws(TLSFailure) {
        ERR_clear_error()
        guard
            let certificate = Self.read(issued.certificate, { PEM_read_bio_X509($0, nil, { _, _, _, _ in 0 }, nil) })
        else { throw .openSSL("the CA's certificate can't be used") }
        guard let key = Self.read(issued.key, { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in 0 }, nil) }) else {
            X509_free(certificate)
            throw .openSSL("the CA's key can't be used")
        }
        (self.certificate, self.key, self.issued) = (certificate, key, issued)
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
    }

    /// A certificate for servers and clients, with the names that `request` says.
    public func issue(_ request: Request) throws(TLSFailure) -> Issued {
        var alternatives: [String] = []
        for (place, name) in request.names.enumerated() where !request.names[..<place].contains(name) {
            if let address = IPAddress(name) {
                alternatives.append("IP:\(address)")
            } else {
                guard Self.isPlain(name) else { throw TLSFailure("'\(name)' is neither a host name nor an address") }
                alternatives.append("DNS:\(name)")
            }
        }
        for uri in request.uris {
            guard Self.isPlain(uri) else { throw TLSFailure("'\(uri)' is no SIP URI of a domain") }
            alternatives.append("URI:\(uri)")
        }
        var extensions = [
            (NID_basic_constraints, "CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth,clientAuth"), (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid"),
        ]
        if !alternatives.isEmpty {
            extensions.append((NID_subject_alt_name, alternatives.joined(separator: ",")))
        }
        let (blank, key) = (try Self.blank(), try Self.newKey())
        defer {
            X509_free(blank)
            EVP_PKEY_free(key)
        }
        return try Self.fill(
            blank, key, name: request.commonName ?? request.names.first ?? "sallyport", begins: request.begins,
            ends: request.ends, issuer: certificate, signer: self.key, extensions: extensions)
    }

    /// Nothing that would mean something in OpenSSL's list of names.
    private static func isPlain(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0.isAlphanumeric || [0x2d, 0x2e, 0x5f, 0x2a, 0x3a, 0x40].contains($0) }
    }

    // MARK: OpenSSL

    private static func blank() throws(TLSFailure) -> OpaquePointer {
        ERR_clear_error()
        guard let certificate = X509_new(), X509_set_version(certificate, 2) == 1 else {
            throw .openSSL("no certificate can be made")
        }
        return certificate
    }

    private static func newKey() throws(TLSFailure) -> OpaquePointer {
        let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1, let key
        else { throw .openSSL("no key can be made") }
        return key
    }

    private static func fill(
        _ certificate: OpaquePointer, _ key: OpaquePointer, name: String, begins: Int, ends: Int,
        issuer: OpaquePointer, signer: OpaquePointer, extensions: [(Int32, String)]
    ) throws(TLSFailure) -> Issued {
        let now = time(nil)
        // 64 random bits, as what RFC 5280 §4.1.2.2 wants to be unique.
        let serial = UInt64.random(in: 1 ... .max)
        let subject = X509_get_subject_name(certificate)
        let common = Array(name.utf8.prefix(64))
        guard ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1,
            ASN1_TIME_set(X509_getm_notBefore(certificate), now + begins) != nil,
            ASN1_TIME_set(X509_getm_notAfter(certificate), now + ends) != nil,
            X509_set_pubkey(certificate, key) == 1,
            X509_NAME_add_entry_by_NID(
                subject, NID_commonName, MBSTRING_UTF8, common, Int32(common.count), -1, 0) == 1,
            X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1
        else { throw .openSSL("no certificate can be made") }
        for (kind, value) in extensions { try add(kind, value, to: certificate, issuer) }
        guard X509_sign(certificate, signer, EVP_sha256()) > 0 else { throw .openSSL("nothing can be signed") }
        return Issued(
            certificate: try write { PEM_write_bio_X509($0, certificate) },
            key: try write { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) })
    }

    private static func add(
        _ kind: Int32, _ value: String, to certificate: OpaquePointer, _ issuer: OpaquePointer
    ) throws(TLSFailure) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        guard let entry = X509V3_EXT_conf_nid(nil, &context, kind, value) else {
            throw .openSSL("a certificate can't say \(value)")
        }
        defer { X509_EXTENSION_free(entry) }
        guard X509_add_ext(certificate, entry, -1) == 1 else { throw .openSSL("a certificate can't say \(value)") }
    }

    private static func read(_ text: [UInt8], _ reader: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
        text.withUnsafeBytes { text in
            let memory = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count))
            defer { BIO_free(memory) }
            return reader(memory)
        }
    }

    private static func write(_ writer: (OpaquePointer?) -> Int32) throws(TLSFailure) -> [UInt8] {
        let memory = BIO_new(BIO_s_mem())
        defer { BIO_free(memory) }
        guard writer(memory) == 1 else { throw .openSSL("no PEM text can be written") }
        var text = [UInt8](repeating: 0, count: 65_536)
        let count = BIO_read(memory, &text, Int32(text.count))
        return Array(text.prefix(max(0, Int(count))))
    }
}
