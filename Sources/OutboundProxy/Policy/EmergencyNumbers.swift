import NetworkTypes
import SIP

/// The numbers that reach help (design §10: `emergency`): checked first, never altered, exempt from every limit.
///
/// A number is compared by what is dialled: visual separators (RFC 3966 §5.1.1) and escapes (RFC 3261 §19.1.2) do not
/// count, nor does what comes after a semicolon. A service (RFC 5031) stands for its sub-services, too.
public struct EmergencyNumbers: Hashable, Sendable {
    /// What is dialled where the configuration does not say: North America, most of the world, and Britain.
    public static let usual = ["911", "9911", "112", "999", "urn:service:sos"]

    private let numbers: [[UInt8]]
    private let services: [[UInt8]]

    public init(_ texts: [String] = usual) {
        let all = texts.map { Array($0.utf8).map(\.lowercased) }
        services = all.filter { $0.starts(with: "urn:".utf8) }
        numbers = all.filter { !$0.starts(with: "urn:".utf8) }
            .map { text in text.filter { !Self.isSeparator($0) } }.filter { !$0.isEmpty }
    }

    /// Whether who writes that Request-URI calls for help.
    func contains(_ uri: Range<Int>, in bytes: [UInt8]) -> Bool {
        guard let colon = bytes[uri].firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = uri.lowerBound..<colon
        let rest = (colon + 1)..<uri.upperBound
        if bytes.equals(scheme, ignoringCase: "sip") || bytes.equals(scheme, ignoringCase: "sips") {
            guard let at = bytes[rest].firstIndex(of: UInt8(ascii: "@")) else { return false }
            return isNumber(rest.lowerBound..<at, in: bytes)
        }
        if bytes.equals(scheme, ignoringCase: "tel") { return isNumber(rest, in: bytes) }
        return bytes.equals(scheme, ignoringCase: "urn") && isService(uri, in: bytes)
    }

    /// Compared in place: each new call from inside is looked at.
    private func isNumber(_ user: Range<Int>, in bytes: [UInt8]) -> Bool {
        numbers.contains { number in
            var place = 0
            var index = user.lowerBound
            while let octet = Self.digit(at: &index, before: user.upperBound, in: bytes) {
                guard place < number.count, number[place] == octet else { return false }
                place += 1
            }
            return place == number.count
        }
    }

    /// The next octet that is dialled; nil at the end of the number.
    private static func digit(at index: inout Int, before end: Int, in bytes: [UInt8]) -> UInt8? {
        while index < end {
            var octet = bytes[index]
            if octet == UInt8(ascii: ";") || octet == UInt8(ascii: ":") { return nil }
            index += 1
            if octet == UInt8(ascii: "%"), index + 1 < end, let high = bytes[index].hexDigitValue,
                let low = bytes[index + 1].hexDigitValue
            {
                octet = high << 4 | low
                index += 2
            }
            if !isSeparator(octet) { return octet.lowercased }
        }
        return nil
    }

    private static func isSeparator(_ octet: UInt8) -> Bool {
        octet == UInt8(ascii: "-") || octet == UInt8(ascii: ".") || octet == UInt8(ascii: "(")
            || octet == UInt8(ascii: ")")
    }

    private func isService(_ uri: Range<Int>, in bytes: [UInt8]) -> Bool {
        services.contains { service in
            guard uri.count >= service.count else { return false }
            let end = uri.lowerBound + service.count
            for (index, octet) in zip(uri, service) where bytes[index].lowercased != octet { return false }
            // "urn:service:sosial" is another service, "urn:service:sos.fire" is this one.
            guard end < uri.upperBound else { return true }
            return [UInt8(ascii: "."), UInt8(ascii: ";"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains(bytes[end])
        }
    }
}
