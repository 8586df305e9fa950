import NetworkTypes
import SIP

/// What must hold for any octets that are read as the value of a field, as a URI or as an address.
public enum FieldCheck {
    public static func run(_ bytes: [UInt8]) {
        run(bytes.indices, in: bytes)
        checkURI(bytes.indices, in: bytes)
        if let address = IPAddress(text: bytes) {
            precondition(IPAddress(address.description) == address, "an address is read as it is written")
        }
    }

    static func run(_ value: Range<Int>, in bytes: [UInt8]) {
        if let via = Via(value, in: bytes) {
            precondition(contains(value, via.sentBy) && contains(via.sentBy, via.host), "a host is in its Via")
            if let branch = via.branch { precondition(contains(value, branch), "a branch is in its Via") }
            _ = (via.address(in: bytes), via.hasMagicCookie(in: bytes))
        }
        guard let address = NameAddress(value, in: bytes) else { return }
        precondition(contains(value, address.uri) && contains(value, address.bracketed), "a URI is in its value")
        checkParameters(address.parameterList, in: bytes)
        checkURI(address.uri, in: bytes)
    }

    private static func checkURI(_ range: Range<Int>, in bytes: [UInt8]) {
        guard let uri = URI(range, in: bytes) else { return }
        precondition(uri.isEquivalent(to: uri, in: bytes, bytes), "a URI is equivalent to itself")
        guard uri.scheme == .sip || uri.scheme == .sips else { return }
        precondition(
            contains(range, uri.hostPort) && contains(uri.hostPort, uri.host) && !uri.host.isEmpty, "a URI has a host")
        if let userInfo = uri.userInfo {
            precondition(userInfo.upperBound < uri.host.lowerBound, "a user is before its host")
        }
        checkParameters(uri.parameters, in: bytes)
        _ = (uri.user(in: bytes), uri.address(in: bytes), uri.transport(in: bytes), uri.isLoose(in: bytes))
        let copy = Array(bytes[range])
        guard let again = URI(copy.indices, in: copy) else { preconditionFailure("a URI is read wherever it stands") }
        precondition(again.isEquivalent(to: uri, in: copy, bytes), "a copy of a URI is equivalent to it")
    }

    private static func checkParameters(_ parameters: Parameters, in bytes: [UInt8]) {
        var end = parameters.range.lowerBound
        for parameter in parameters.all(in: bytes) {
            precondition(parameter.whole.lowerBound >= end, "parameters are in order")
            precondition(contains(parameter.whole, parameter.name), "a name is in its parameter")
            if let value = parameter.value {
                precondition(contains(parameter.whole, value), "a value is in its parameter")
            }
            end = parameter.whole.upperBound
        }
    }

    private static func contains(_ outer: Range<Int>, _ inner: Range<Int>) -> Bool {
        inner.lowerBound >= outer.lowerBound && inner.upperBound <= outer.upperBound
    }
}
