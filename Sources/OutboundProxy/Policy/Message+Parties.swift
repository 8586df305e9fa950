import NetworkTypes
import SIP

// Whom a message names as its parties: what tells trunks and accounts apart that have an address in common.

extension Message {
    /// The URI of a From, To or Contact field.
    func uri(_ name: HeaderName) -> URI? {
        guard let field = header(name) else { return nil }
        let range = name == .contact ? values(.contact).first : field.value
        return range.flatMap { NameAddress($0, in: bytes) }.flatMap { URI($0.uri, in: bytes) }
    }

    /// The user of a From, To or Contact field.
    func user(_ name: HeaderName) -> String? { uri(name)?.user(in: bytes).map { bytes.text($0) } }

    /// The host of a From, To or Contact field, in lower case.
    func host(_ name: HeaderName) -> String? { uri(name).map { bytes.text($0.host).lowercased() } }

    /// Whom the request asks for: the user of its Request-URI, and of its To where an ITSP put the DID or its own
    /// account name into the former.
    func wantedUsers(_ target: URI) -> [String] {
        [target.user(in: bytes).map { bytes.text($0) }, user(.to)].compactMap { $0 }
    }
}
