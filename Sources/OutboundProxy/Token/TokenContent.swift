public import NetworkTypes

/// What a token stands for. The kind says what it is good for, and stays readable as the token's first letter.
public enum TokenContent: Hashable, Sendable {
    /// The URI in a Contact of a REGISTER: admits new requests while that registration is live.
    case registration(uri: [UInt8])
    /// The URI in a Contact of a dialog: bound to the Call-ID, valid only with a To tag.
    case dialog(uri: [UInt8])
    /// Where a Record-Route or Path of ours leads, bound to the Call-ID like a dialog token.
    case route(TokenRoute)
    /// The flow of a remote phone behind a Path of ours (RFC 5626 §5.2): good for as long as the flow is.
    case flow(TokenRoute)
}

/// The hop behind a Record-Route or Path value of ours: a flow (RFC 5626 §5.2), as far as a restart leaves it.
public struct TokenRoute: Hashable, Sendable {
    /// The side the hop is on.
    public var side: Side
    public var transport: TransportProtocol
    public var flow: Flow
    /// Whether the dialog began inside; its Call-ID may be one that the outside knows another one for.
    public var beganInside = false
    /// Whether who began it is known outside by another host than its own.
    public var hidesCaller = false
    /// The Record-Route values of the proxies beyond the hop, as a list, nearest first: the outside is not told them.
    public var beyond: [UInt8] = []

    public init(
        side: Side, transport: TransportProtocol, flow: Flow, beganInside: Bool = false, hidesCaller: Bool = false,
        beyond: [UInt8] = []
    ) {
        self.side = side
        self.transport = transport
        self.flow = flow
        self.beganInside = beganInside
        self.hidesCaller = hidesCaller
        self.beyond = beyond
    }
}

/// The first letter of a token.
enum TokenKind: UInt8, CaseIterable {
    case registration = 0x72  // r
    case dialog = 0x64  // d
    case route = 0x68  // h, for hop
    case flow = 0x66  // f
    case callID = 0x63  // c

    init(_ content: TokenContent) {
        switch content {
        case .registration: self = .registration
        case .dialog: self = .dialog
        case .route: self = .route
        case .flow: self = .flow
        }
    }

    /// What is authenticated beside the content: the kind, and for those bound to a dialog its Call-ID.
    func associatedData(callID: ArraySlice<UInt8>) -> [UInt8] {
        var data = [rawValue]
        if self == .dialog || self == .route { data.append(contentsOf: callID) }
        return data
    }
}
