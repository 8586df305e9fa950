import NetworkTypes
import SIP

/// Keeps the inside's addresses out of what leaves outside (design §3, §4), and finds them again in what comes back.
///
/// It knows no dialogs: who calls it says what belongs to one. Contacts are the business of ``ContactMapping``.
final class TopologyHiding {
    let inside: InsideAddresses
    /// Our own addresses inside.
    private let own: Set<IPAddress>
    let codec: TokenCodec

    init(_ settings: ProxySettings, codec: TokenCodec, inside: InsideAddresses) {
        self.inside = inside
        self.codec = codec
        own = Set(settings.listeners.filter { $0.side == .inside }.map(\.advertised.ip))
    }

    // MARK: Hosts

    /// Whether the URI's host must not leave: an inside address, or the name of a PBX, and not what `listener` calls us.
    func namesInside(_ uri: URI, in bytes: [UInt8], as listener: Listener) -> Bool {
        guard uri.scheme == .sip || uri.scheme == .sips else { return false }
        guard let address = uri.address(in: bytes) else { return inside.isPBX(named: uri.host, in: bytes) }
        return isInside(address) && address != listener.advertised.ip
    }

    func isInside(_ address: IPAddress) -> Bool { inside.contains(address) || own.contains(address.embedded) }

    /// The host that stands for the inside in what leaves by `listener`.
    func host(_ settings: HidingSettings, _ listener: Listener) -> [UInt8] { settings.fromDomain ?? listener.host }

    /// Where the host and port of a value stand that must not leave.
    func insideHost(_ value: Range<Int>, in bytes: [UInt8], as listener: Listener) -> Range<Int>? {
        guard let address = NameAddress(value, in: bytes), let uri = URI(address.uri, in: bytes),
            namesInside(uri, in: bytes, as: listener)
        else { return nil }
        return uri.hostPort
    }

    /// The value with another host where it names the inside, and without URI parameters that tell of it (Asterisk's
    /// `x-ast-orig-host`); nil where it may leave as it stands.
    func hidden(_ value: Range<Int>, in bytes: [UInt8], as listener: Listener, host: [UInt8]) -> [UInt8]? {
        guard let address = NameAddress(value, in: bytes), let uri = URI(address.uri, in: bytes) else { return nil }
        let isInside = namesInside(uri, in: bytes, as: listener)
        let telling = uri.parameters.all(in: bytes).filter { $0.value.map { tells(bytes[$0]) } ?? false }
        guard isInside || !telling.isEmpty else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(value.count + host.count)
        var position = value.lowerBound
        if isInside {
            out.append(contentsOf: bytes[position..<uri.hostPort.lowerBound])
            out.append(contentsOf: host)
            position = uri.hostPort.upperBound
        }
        for parameter in telling {
            out.append(contentsOf: bytes[position..<parameter.whole.lowerBound])
            position = parameter.whole.upperBound
        }
        out.append(contentsOf: bytes[position..<value.upperBound])
        return out
    }

    // MARK: Call-IDs

    /// The Call-ID as the trunk gets to know it; nil where that is the same.
    func hidden(callID: ArraySlice<UInt8>, _ settings: HidingSettings) -> [UInt8]? {
        guard settings.isOn else { return nil }
        switch settings.callIDs {
        case .none: return nil
        // What looks hidden would be revealed when it comes back.
        case .telling where !TokenCodec.mayBeHidden(callID) && !tells(callID): return nil
        case .telling, .all: return codec.hidden(callID: callID)
        }
    }

    // MARK: Fields

    /// Records the edits of the fields that tell of the inside wherever they stand: identities, Warning, and those that
    /// name other dialogs. `outerCallID` gives the Call-ID that the outside knows for a dialog, where it differs.
    func hideFields(
        of message: Message, as listener: Listener, _ settings: HidingSettings, edits: inout MessageEdits,
        outerCallID: (ArraySlice<UInt8>) -> [UInt8]?
    ) {
        for field in message.headers {
            switch field.name {
            case .pAssertedIdentity where !settings.keepsIdentity: break
            case .pAssertedIdentity, .pPreferredIdentity, .remotePartyID, .diversion, .historyInfo, .referredBy:
                hideHosts(field, of: message, as: listener, host(settings, listener), &edits)
            case .referTo: hideReference(field, of: message, as: listener, &edits, outerCallID)
            case .warning: hideAgents(field, of: message, as: listener, &edits)
            case .replaces, .join, .targetDialog:
                replaceCallID(at: firstWord(of: field, in: message.bytes), in: message.bytes, &edits, outerCallID)
            case .inReplyTo:
                for value in callIDs(in: field, of: message.bytes) {
                    replaceCallID(at: value, in: message.bytes, &edits, outerCallID)
                }
            default: break
            }
        }
    }

    private func hideHosts(
        _ field: HeaderField, of message: Message, as listener: Listener, _ host: [UInt8], _ edits: inout MessageEdits
    ) {
        for value in message.bytes.listValues(field) {
            guard let range = insideHost(value, in: message.bytes, as: listener) else { continue }
            edits.replace(range, with: host)
        }
    }

    /// Refer-To (RFC 3515): its host is one that somebody will call, and a `Replaces` in it names a dialog (RFC 3891).
    private func hideReference(
        _ field: HeaderField, of message: Message, as listener: Listener, _ edits: inout MessageEdits,
        _ outerCallID: (ArraySlice<UInt8>) -> [UInt8]?
    ) {
        let bytes = message.bytes
        guard let value = NameAddress(field.value, in: bytes), let uri = URI(value.uri, in: bytes) else { return }
        if namesInside(uri, in: bytes, as: listener) { edits.replace(uri.hostPort, with: listener.hostPort) }
        EmbeddedCallID.replace(in: uri.headers, of: bytes, &edits, outerCallID)
    }

    /// Warning (RFC 3261 §20.43): the agent that warns is ours, and a text that names an address is left out.
    private func hideAgents(
        _ field: HeaderField, of message: Message, as listener: Listener, _ edits: inout MessageEdits
    ) {
        let bytes = message.bytes
        guard tells(bytes[field.value]) else { return }
        for value in bytes.listValues(field) {
            let words = bytes[value].split(separator: 0x20, maxSplits: 2)
            guard words.count == 3, !tells(words[2]) else { return edits.remove(field.line) }
        }
        for value in bytes.listValues(field) {
            let words = bytes[value].split(separator: 0x20, maxSplits: 2)
            guard words.count == 3, tells(words[1]) else { continue }
            edits.replace(words[1].startIndex..<words[1].endIndex, with: listener.hostPort)
        }
    }

    // MARK: Parts

    private func replaceCallID(
        at range: Range<Int>, in bytes: [UInt8], _ edits: inout MessageEdits, _ other: (ArraySlice<UInt8>) -> [UInt8]?
    ) {
        if let callID = other(bytes[range]) { edits.replace(range, with: callID) }
    }

    /// The values of In-Reply-To: words, in which quotes and brackets mean nothing.
    private func callIDs(in field: HeaderField, of bytes: [UInt8]) -> [Range<Int>] {
        bytes[field.value].split(separator: UInt8(ascii: ",")).map { bytes.trimming($0.startIndex..<$0.endIndex) }
    }

    /// The Call-ID that starts Replaces, Join and Target-Dialog.
    private func firstWord(of field: HeaderField, in bytes: [UInt8]) -> Range<Int> {
        let end = bytes[field.value].firstIndex(of: UInt8(ascii: ";")) ?? field.value.upperBound
        return bytes.trimming(field.value.lowerBound..<end)
    }
}

extension TopologyHiding {
    // MARK: Coming back

    /// The message as the inside knows it, when the outside knows it with a hidden Call-ID, and that Call-ID: seen
    /// before it is parsed, so that it is parsed once. Nil for all others, and for one whose Call-ID is folded.
    func revealed(_ bytes: [UInt8]) -> (bytes: [UInt8], callID: [UInt8])? {
        guard let range = TokenCodec.hiddenCallID(in: bytes), let callID = codec.revealed(callID: bytes[range]) else {
            return nil
        }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        out.append(contentsOf: bytes[..<range.lowerBound])
        out.append(contentsOf: callID)
        out.append(contentsOf: bytes[range.upperBound...])
        return (out, Array(bytes[range]))
    }

    /// The message as the inside knows it, when it names a dialog by a hidden Call-ID, or is in one and `knowsCallID` is
    /// false. Nil for all others, which is cheap to see.
    func revealed(_ message: Message, knowsCallID: Bool) -> Message? {
        let bytes = message.bytes
        var edits = MessageEdits?.none
        func reveal(_ range: Range<Int>) {
            guard let callID = codec.revealed(callID: bytes[range]) else { return }
            edits = edits ?? MessageEdits()
            edits?.replace(range, with: callID)
        }
        for field in message.headers {
            switch field.name {
            case .callID where !knowsCallID && field.value == message.callID: reveal(field.value)
            case .replaces, .join, .targetDialog: reveal(firstWord(of: field, in: bytes))
            case .inReplyTo: for value in callIDs(in: field, of: bytes) { reveal(value) }
            case .referTo:
                guard let value = NameAddress(field.value, in: bytes), let uri = URI(value.uri, in: bytes),
                    !uri.headers.isEmpty
                else { continue }
                var all = edits ?? MessageEdits()
                if EmbeddedCallID.replace(in: uri.headers, of: bytes, &all, { codec.revealed(callID: $0) }) {
                    edits = all
                }
            default: break
            }
        }
        return edits.flatMap { try? MessageParser.parse(datagram: $0.applied(to: bytes)) }
    }
}

extension [UInt8] {
    /// The values of a field that is a list.
    func listValues(_ field: HeaderField) -> [Range<Int>] {
        var values: [Range<Int>] = []
        FieldValues.append(field.value, of: self, to: &values)
        return values
    }
}
