import NetworkTypes

/// A URI in as few octets as a token can spare, or the handle of one that does not fit.
///
/// The first octet says how to read the rest. Compact: `flags | host | port | user info | what follows`, with addresses
/// and ports in binary and frequent parameters as single octets. Whatever is not spelled in the one way that this
/// writes back (a port with a leading zero, an IPv6 address that is not in RFC 5952 form) stays text, so every URI
/// comes back octet for octet. These numbers are in tokens all over the world: they may only ever be added to.
enum CompactURI {
    enum Decoded: Equatable {
        case uri([UInt8])
        case handle(TokenHandle)
    }

    /// The forms of the first octet; anything below is a compact URI with these flags.
    private enum Form {
        static let raw: UInt8 = 0x80
        static let handle: UInt8 = 0x81
    }

    private enum Flag {
        static let sips: UInt8 = 1
        static let userInfo: UInt8 = 2
        static let hostShift: UInt8 = 2
        static let portShift: UInt8 = 4
    }

    private enum HostForm: UInt8 { case name, v4, v6 }
    private enum PortForm: UInt8 { case none, number, sip, sips }

    // MARK: Writing

    /// `uri` in compact form, or as it stands where that is not possible.
    static func encode(_ uri: [UInt8]) -> [UInt8] { compact(uri) ?? [Form.raw] + uri }

    static func encode(_ handle: TokenHandle) -> [UInt8] { [Form.handle] + handle.octets }

    private static func compact(_ uri: [UInt8]) -> [UInt8]? {
        var flags: UInt8 = 0
        var rest = uri[...]
        if rest.starts(with: "sips:".utf8) {
            flags |= Flag.sips
            rest = rest.dropFirst(5)
        } else if rest.starts(with: "sip:".utf8) {
            rest = rest.dropFirst(4)
        } else {
            return nil
        }
        let at = rest.firstIndex(of: UInt8(ascii: "@"))
        let userInfo = at.map { rest[..<$0] }
        if let at { rest = rest[rest.index(after: at)...] }
        if userInfo != nil { flags |= Flag.userInfo }
        let host = hostText(rest)
        let (hostForm, hostOctets) = encodeHost(host)
        rest = rest.dropFirst(host.count)
        let (portForm, portOctets, portLength) = encodePort(rest)
        rest = rest.dropFirst(portLength)
        guard host.count <= 255, (userInfo?.count ?? 0) <= 255, let tail = ParameterTable.encode(rest) else {
            return nil
        }
        var octets = [flags | hostForm.rawValue << Flag.hostShift | portForm.rawValue << Flag.portShift]
        octets += hostOctets + portOctets
        if let userInfo { octets += [UInt8(truncatingIfNeeded: userInfo.count)] + userInfo }
        return octets + tail
    }

    /// The front of `text` that is taken as the host: up to the `]` of an IPv6 literal, else up to a delimiter.
    private static func hostText(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if text.first == UInt8(ascii: "["), let close = text.firstIndex(of: UInt8(ascii: "]")) { return text[...close] }
        return text.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") }
    }

    private static func encodeHost(_ host: ArraySlice<UInt8>) -> (HostForm, [UInt8]) {
        if let address = IPAddress(text: host) {
            var text: [UInt8] = []
            appendHost(address, to: &text)
            if text[...] == host { return (address.family == .v4 ? .v4 : .v6, address.octets) }
        }
        return (.name, [UInt8(truncatingIfNeeded: host.count)] + host)
    }

    /// Reads `:port` at the front of `text` when its digits are the ones we would write.
    private static func encodePort(_ text: ArraySlice<UInt8>) -> (PortForm, [UInt8], length: Int) {
        guard text.first == UInt8(ascii: ":") else { return (.none, [], 0) }
        let digits = text.dropFirst().prefix { $0.isDigit }
        guard digits.first != UInt8(ascii: "0"), let port = UInt16(String(decoding: digits, as: UTF8.self)) else {
            return (.none, [], 0)
        }
        switch port {
        case 5060: return (.sip, [], digits.count + 1)
        case 5061: return (.sips, [], digits.count + 1)
        default:
            var octets: [UInt8] = []
            octets.appendBigEndian(port)
            return (.number, octets, digits.count + 1)
        }
    }

    // MARK: Reading

    /// What `octets` hold; nil when we never wrote them.
    static func decode(_ octets: [UInt8]) -> Decoded? {
        var cursor = OctetCursor(octets)
        guard let form = cursor.next() else { return nil }
        switch form {
        case Form.raw: return .uri(Array(cursor.rest))
        case Form.handle: return TokenHandle(cursor.rest).map { .handle($0) }
        case 0..<0x40: return compactURI(flags: form, &cursor).map { .uri($0) }
        default: return nil
        }
    }

    private static func compactURI(flags: UInt8, _ cursor: inout OctetCursor) -> [UInt8]? {
        guard let hostForm = HostForm(rawValue: flags >> Flag.hostShift & 3),
            let host = decodeHost(hostForm, &cursor),
            let portForm = PortForm(rawValue: flags >> Flag.portShift & 3)
        else { return nil }
        var port: UInt16?
        switch portForm {
        case .none: break
        case .sip: port = 5060
        case .sips: port = 5061
        case .number:
            guard let number: UInt16 = cursor.bigEndian() else { return nil }
            port = number
        }
        var uri = Array((flags & Flag.sips == 0 ? "sip:" : "sips:").utf8)
        uri.reserveCapacity(96)
        if flags & Flag.userInfo != 0 {
            guard let count = cursor.next(), let userInfo = cursor.take(Int(count)) else { return nil }
            uri += userInfo
            uri.append(UInt8(ascii: "@"))
        }
        uri += host
        if let port {
            uri.append(UInt8(ascii: ":"))
            uri.appendDecimal(port)
        }
        guard ParameterTable.decode(cursor.rest, into: &uri) else { return nil }
        return uri
    }

    private static func decodeHost(_ form: HostForm, _ cursor: inout OctetCursor) -> [UInt8]? {
        if form == .name {
            guard let count = cursor.next() else { return nil }
            return cursor.take(Int(count)).map { Array($0) }
        }
        guard let octets = cursor.take(form == .v4 ? 4 : 16), let address = IPAddress(octets: octets) else {
            return nil
        }
        var text: [UInt8] = []
        appendHost(address, to: &text)
        return text
    }

    private static func appendHost(_ address: IPAddress, to text: inout [UInt8]) {
        if address.family == .v6 { text.append(UInt8(ascii: "[")) }
        address.write(into: &text)
        if address.family == .v6 { text.append(UInt8(ascii: "]")) }
    }
}
