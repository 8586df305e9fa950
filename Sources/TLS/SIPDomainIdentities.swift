import COpenSSL
public import NetworkTypes

/// The SIP domains that a certificate speaks for (RFC 5922 §7.1), and whether one of them is the one wanted (§7.2).
///
/// OpenSSL has taken the certificate apart and checked its chain. Two things differ from the RFC's letter: an address in
/// a URI is found among the certificate's addresses, and a wildcard stands for one whole label, as most certificates in
/// use were issued with that in mind.
public struct SIPDomainIdentities: Hashable, Sendable {
    /// In lower case.
    public private(set) var domains: [String] = []
    public private(set) var addresses: [IPAddress] = []

    init(of certificate: OpaquePointer) {
        guard let pointer = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
            // Only without that field is the subject looked at, as of old (§7.1 step 2).
            if X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) < 0 {
                domains = Self.commonNames(of: certificate).filter(Self.isDomain)
            }
            return
        }
        let names = OpaquePointer(pointer)
        defer { GENERAL_NAMES_free(names) }
        var hosts: [String] = []
        for index in 0..<OPENSSL_sk_num(names) {
            guard let value = OPENSSL_sk_value(names, index) else { continue }
            let name = value.assumingMemoryBound(to: GENERAL_NAME.self)
            var type: Int32 = 0
            guard let content = GENERAL_NAME_get0_value(name, &type) else { continue }
            let octets = Self.octets(of: content)
            switch type {
            case GEN_URI: if let domain = Self.domain(ofURI: octets) { hosts.append(domain) }
            case GEN_DNS: if let domain = Self.text(octets), Self.isDomain(domain) { domains.append(domain) }
            case GEN_IPADD: if let address = IPAddress(octets: octets) { addresses.append(address.unmapped) }
            default: break
            }
        }
        // DNS names count only where no SIP URI names a domain (§7.1 step 1).
        if !hosts.isEmpty { domains = hosts }
        addresses += hosts.compactMap { IPAddress($0) }
    }

    /// Whether the certificate speaks for a domain, or for an address.
    public func contains(_ name: String) -> Bool {
        if let address = IPAddress(name) { return addresses.contains(address.unmapped) }
        let name = name.lowercased()
        return domains.contains { Self.matches($0, name) }
    }

    /// Whole names, or a wildcard as the whole first label for exactly one label, with a domain below it.
    static func matches(_ presented: String, _ wanted: String) -> Bool {
        guard presented.hasPrefix("*.") else { return presented == wanted }
        let suffix = presented.dropFirst()
        guard suffix.dropFirst().contains("."), !suffix.contains("*"), let dot = wanted.firstIndex(of: "."),
            dot > wanted.startIndex
        else { return false }
        return wanted[dot...] == suffix
    }

    /// The host of `sip:host`; nil for other schemes, and for a URI with a user, which names no domain.
    static func domain(ofURI octets: [UInt8]) -> String? {
        guard octets.count > 4, octets.equals(0..<4, ignoringCase: "sip:"), !octets.contains(UInt8(ascii: "@")),
            let text = text(octets)
        else { return nil }
        var host = text.dropFirst(4).prefix { $0 != ";" && $0 != "?" }
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return nil }
            return IPAddress(String(host[...end])).map(\.description)
        }
        host = host.prefix { $0 != ":" }
        let name = String(host)
        return IPAddress(name) != nil || isDomain(name) ? name : nil
    }

    /// The common names of the subject, in lower case.
    static func commonNames(of certificate: OpaquePointer) -> [String] {
        guard let subject = X509_get_subject_name(certificate) else { return [] }
        var names: [String] = []
        var last: Int32 = -1
        while true {
            last = X509_NAME_get_index_by_NID(subject, NID_commonName, last)
            guard last >= 0, let entry = X509_NAME_get_entry(subject, last),
                let data = X509_NAME_ENTRY_get_data(entry)
            else { return names }
            if let name = text(octets(of: UnsafeMutableRawPointer(data))) { names.append(name) }
        }
    }

    private static func octets(of string: UnsafeMutableRawPointer) -> [UInt8] {
        let string = string.assumingMemoryBound(to: ASN1_STRING.self)
        guard let start = ASN1_STRING_get0_data(string) else { return [] }
        return Array(UnsafeBufferPointer(start: start, count: max(0, Int(ASN1_STRING_length(string)))))
    }

    /// Printable ASCII in lower case; nil for anything else, such as an octet 0 in the middle of a name.
    private static func text(_ octets: [UInt8]) -> String? {
        guard !octets.isEmpty, octets.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        return String(decoding: octets.map(\.lowercased), as: UTF8.self)
    }

    private static func isDomain(_ text: String) -> Bool {
        text.utf8.count <= 253 && !text.utf8.isEmpty && text.first != "." && IPAddress(text) == nil
            && text.utf8.allSatisfy { $0.isAlphanumeric || [0x2d, 0x2e, 0x5f, 0x2a].contains($0) }
    }
}
