public import NetworkTypes

/// Where requests for a PBX go: a SIP URI (RFC 3261 §19.1) with no more than host, port and transport.
public struct SIPTarget: Hashable, Sendable, CustomStringConvertible {
    public enum Host: Hashable, Sendable, CustomStringConvertible {
        case address(IPAddress)
        /// A name to resolve by RFC 3263.
        case name(String)

        public var description: String {
            switch self {
            case .address(let ip): ip.family == .v4 ? "\(ip)" : "[\(ip)]"
            case .name(let name): name
            }
        }
    }

    public var host: Host
    /// Nil: by RFC 3263, which for an address means 5060.
    public var port: UInt16?
    public var transport: TransportProtocol

    public init(host: Host, port: UInt16? = nil, transport: TransportProtocol = .udp) {
        self.host = host
        self.port = port
        self.transport = transport
    }

    public var description: String {
        "sip:\(host)\(port.map { ":\($0)" } ?? "")\(transport == .udp ? "" : ";transport=\(transport)")"
    }
}

extension SIPTarget {
    /// Reads `sip:192.168.0.2:5060`, `sip:pbx.example.org` or `sip:[fd00::2];transport=tls`, for which `sips:` stands too.
    public init(_ text: String) throws(ValueError) {
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme == "sip" || scheme == "sips" else {
            throw .expected("a SIP URI such as sip:192.168.0.2:5060", text)
        }
        let parts = text.dropFirst(scheme.count + 1).split(separator: ";", omittingEmptySubsequences: false).map(
            String.init)
        guard let hostPort = parts.first, !text.contains("?") else {
            throw .wrong("a PBX's URI has no headers: \(text.quotedForMessage)")
        }
        if hostPort.contains("@") { throw .wrong("a PBX's URI has no user: \(text.quotedForMessage)") }
        try self.init(hostPort: hostPort, of: text)
        if scheme == "sips" { transport = .tls }
        for parameter in parts.dropFirst() {
            switch parameter.lowercased() {
            case "lr": break
            case "transport=udp" where scheme == "sip": transport = .udp
            case "transport=tcp" where scheme == "sip": transport = .tcp
            case "transport=tls": transport = .tls
            default: throw .wrong("unknown URI parameter \(parameter.quotedForMessage)")
            }
        }
    }

    private init(hostPort: String, of text: String) throws(ValueError) {
        var host = hostPort
        var port: UInt16?
        let afterBracket = hostPort.lastIndex(of: "]") ?? hostPort.startIndex
        if let colon = hostPort[afterBracket...].firstIndex(of: ":") {
            port = try Value.port(String(hostPort[hostPort.index(after: colon)...]))
            host = String(hostPort[..<colon])
        }
        self.init(host: try Self.host(host, of: text), port: port)
    }

    private static func host(_ text: String, of uri: String) throws(ValueError) -> Host {
        if text.hasPrefix("[") || text.allSatisfy({ $0.isNumber || $0 == "." }) {
            guard let ip = IPAddress(text), !ip.isUnspecified, !ip.isMulticast else {
                throw .expected("a host", text.isEmpty ? uri : text)
            }
            return .address(ip)
        }
        return .name(try Value.domain(text))
    }
}
