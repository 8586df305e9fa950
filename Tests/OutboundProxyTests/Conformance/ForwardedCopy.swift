import NetworkTypes
import SIP

@testable import OutboundProxy

/// Compares a request that came with what left for it: all that a proxy may not touch must be the same octets in the
/// same order (RFC 3261 §16.6).
struct ForwardedCopy {
    let original: Message
    let copy: Message
    /// Whether the Request-URI may differ: it was ours, or a strict router wants its own there.
    var mayChangeURI = false

    private static let identities = Identities(ProxyHarness.listeners)

    /// Everything that differs and may not.
    var differences: [String] {
        var list = startLine + body
        var own = original.headers.filter { !isGoneRoute($0) && !isHidden($0) }[...]
        for field in inherited {
            guard let expected = own.popFirst() else {
                list.append("added: \(text(field, of: copy))")
                continue
            }
            if copy.bytes[field.line] == original.bytes[expected.line] { continue }
            if !mayDiffer(expected, field) {
                list.append("\(text(expected, of: original)) became \(text(field, of: copy))")
            }
        }
        return list + own.map { "lost: \(text($0, of: original))" }
    }

    private func text(_ field: HeaderField, of message: Message) -> String { message.bytes.text(field.line) }

    private var startLine: [String] {
        let methods = [original.bytes[original.methodRange], copy.bytes[copy.methodRange]]
        let targets = [original.bytes[original.requestURI], copy.bytes[copy.requestURI]]
        if methods[0] != methods[1] { return ["the method differs"] }
        return targets[0] == targets[1] || mayChangeURI ? [] : ["the Request-URI differs"]
    }

    private var body: [String] {
        if original.hasSDP { return [] }
        return original.bytes[original.body] == copy.bytes[copy.body] ? [] : ["the body differs"]
    }

    /// The copy's fields without those that we put in: our Via, our Record-Routes, Max-Forwards and Max-Breadth where
    /// there was none.
    private var inherited: [HeaderField] {
        var fields = copy.headers
        if let via = fields.firstIndex(where: { $0.name == .via }) { fields.remove(at: via) }
        fields.removeAll { $0.name == .recordRoute && isOurs(copy.bytes, $0) }
        if !original.has(.maxForwards) { fields.removeAll { $0.name == .maxForwards } }
        if !original.has(.maxBreadth), let added = fields.firstIndex(where: { isUsualBreadth($0) }) {
            fields.remove(at: added)
        }
        fields.removeAll { $0.name == .sallyportTrunk }
        return fields
    }

    private func isUsualBreadth(_ field: HeaderField) -> Bool {
        field.name == .maxBreadth && copy.bytes.decimal(field.value, as: UInt8.self) == Breadth.usual
    }

    private func isOurs(_ bytes: [UInt8], _ field: HeaderField) -> Bool {
        routes(field, bytes).allSatisfy { isOurs($0, bytes) }
    }

    private func isOurs(_ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes) else { return false }
        return Self.identities.isOurs(uri, in: bytes)
    }

    private func routes(_ field: HeaderField, _ bytes: [UInt8]) -> [Range<Int>] {
        var values: [Range<Int>] = []
        FieldValues.append(field.value, of: bytes, to: &values)
        return values
    }

    /// Whether the copy left outside, where the way that it came is hidden.
    private var leaves: Bool { copy.topVia.address(in: copy.bytes).map { !$0.isPrivate } ?? false }

    private func isHidden(_ field: HeaderField) -> Bool {
        leaves && (field.name == .via || field.name == .recordRoute)
    }

    /// Whether all that differs is our address for an inside one.
    private func hasOurHost(_ expected: HeaderField, _ field: HeaderField) -> Bool {
        let host = leaves ? copy.bytes.text(copy.topVia.host) : ""
        return leaves
            && text(field, of: copy).replacing(host, with: "inside")
                == text(expected, of: original).replacing(/192\.168\.0\.\d+(:\d+)?/, with: "inside")
    }

    /// A Route line of which nothing is left.
    private func isGoneRoute(_ field: HeaderField) -> Bool {
        field.name == .route && isOurs(original.bytes, field)
    }

    private func mayDiffer(_ expected: HeaderField, _ field: HeaderField) -> Bool {
        guard expected.name == field.name, original.bytes[expected.nameRange] == copy.bytes[field.nameRange] else {
            return false
        }
        switch field.name {
        case .via: return sameVia(expected, field)
        case .from, .to, .pAssertedIdentity, .pPreferredIdentity, .remotePartyID, .diversion, .historyInfo, .referredBy:
            return hasOurHost(expected, field)
        case .maxForwards:
            return copy.bytes.decimal(field.value, as: UInt8.self) == original.maxForwards.map { $0 - 1 }
        case .route:
            let left = routes(expected, original.bytes).filter { !isOurs($0, original.bytes) }
            return left.map { original.bytes.text($0) } == routes(field, copy.bytes).map { copy.bytes.text($0) }
        case .contact:
            return original.bytes.text(expected.value).contains("192.168.0.")
                && copy.bytes.text(field.value).contains(";sp=")
        case .contentLength:
            return original.hasSDP && copy.bytes.decimal(field.value, as: Int.Magnitude.self) == UInt(copy.body.count)
        default: return false
        }
    }

    /// The Via below ours, but for `received` and `rport`.
    private func sameVia(_ expected: HeaderField, _ field: HeaderField) -> Bool {
        guard original.topVia.range.lowerBound == expected.value.lowerBound,
            let range = copy.values(.via).first(where: { $0.lowerBound == field.value.lowerBound }),
            let via = Via(range, in: copy.bytes)
        else { return false }
        let rest = [
            original.bytes[original.topVia.range.upperBound..<expected.value.upperBound],
            copy.bytes[via.range.upperBound..<field.value.upperBound],
        ]
        return stripped(original.topVia, original.bytes) == stripped(via, copy.bytes) && rest[0] == rest[1]
    }

    private func stripped(_ via: Via, _ bytes: [UInt8]) -> [UInt8] {
        var edits = MessageEdits()
        for parameter in via.parameters.all(in: bytes)
        where ["received", "rport"].contains(bytes.text(parameter.name).lowercased()) { edits.remove(parameter.whole) }
        return edits.applied(to: bytes, in: via.range)
    }
}

extension Sent {
    /// What differs from `original` and may not; a message that can't be read differs.
    func differences(from original: [UInt8], mayChangeURI: Bool = false) -> [String] {
        guard let copy = message, let original = try? MessageParser.parse(datagram: original) else {
            return ["can't be read"]
        }
        return ForwardedCopy(original: original, copy: copy, mayChangeURI: mayChangeURI).differences
    }
}
