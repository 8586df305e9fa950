import CEvent
import Glibc
public import NetworkTypes
public import Reactor

/// A small HTTP server for pages and metrics, evhttp on a loop of ours.
///
/// It reads only: GET and HEAD. There is no authentication, so it is meant for a loopback address, and a request whose
/// Host is a foreign name is refused: a web page could otherwise read it through the admin's own browser by DNS
/// rebinding (security 37). Every connection carries one request.
public final class AdminServer {
    public typealias Handler = (AdminRequest, AdminReply) -> Void

    /// Where it listens: the port that was given, or the one that the system chose for 0.
    public let address: SocketAddress
    private let loop: EventLoop
    private let limits: AdminLimits
    private let http: OpaquePointer
    private let guardian: ConnectionGuard
    private var sweeping: RepeatingTimer?
    private var routes: [String: Handler] = [:]
    private var pending: [UInt64: Pending] = [:]
    private var lastID: UInt64 = 0

    /// A request that waits for its answer. evhttp leaves it to us until then, even when the client has gone.
    private struct Pending {
        let request: OpaquePointer
        let isHead: Bool
        let deadline: Instant
    }

    public init(on loop: EventLoop, listen: SocketAddress, limits: AdminLimits = AdminLimits()) throws(SystemError) {
        guard let http = evhttp_new(loop.base) else { throw SystemError("evhttp_new", code: ENOMEM) }
        guard let socket = evhttp_bind_socket_with_handle(http, "\(listen.ip)", listen.port) else {
            let code = errno
            evhttp_free(http)
            throw SystemError("listen for admin requests on \(listen)", code: code == 0 ? EADDRNOTAVAIL : code)
        }
        self.loop = loop
        self.limits = limits
        self.http = http
        address = SocketAddress(listen.ip, Self.port(of: evhttp_bound_socket_get_fd(socket)) ?? listen.port)
        guardian = ConnectionGuard(limits, on: loop)
        configure()
        sweeping = RepeatingTimer(on: loop, every: .seconds(1)) { [unowned self] in sweep() }
    }

    deinit {
        // evhttp frees the requests of its connections; those whose client has gone are only ours.
        for waiting in pending.values where evhttp_request_get_connection(waiting.request) == nil {
            evhttp_request_free(waiting.request)
        }
        pending.removeAll()
        evhttp_free(http)
    }

    /// Calls `handler` for requests of exactly this path.
    public func route(_ path: String, _ handler: @escaping Handler) { routes[path] = handler }

    /// Connections that are open now.
    public var connections: Int { guardian.count }

    private func configure() {
        evhttp_set_max_headers_size(http, limits.headers)
        evhttp_set_max_body_size(http, limits.body)
        evhttp_set_timeout(http, Int32(clamping: limits.idleSeconds))
        evhttp_set_allowed_methods(
            http,
            UInt16(
                EVHTTP_REQ_GET.rawValue | EVHTTP_REQ_HEAD.rawValue
                    | EVHTTP_REQ_POST.rawValue | EVHTTP_REQ_PUT.rawValue | EVHTTP_REQ_DELETE.rawValue
                    | EVHTTP_REQ_OPTIONS.rawValue | EVHTTP_REQ_PATCH.rawValue))
        evhttp_set_bevcb(
            http,
            { _, context in
                context.flatMap { Unmanaged<ConnectionGuard>.fromOpaque($0).takeUnretainedValue().open() }
            }, Unmanaged.passUnretained(guardian).toOpaque())
        evhttp_set_gencb(
            http,
            { request, context in
                guard let request, let context else { return }
                Unmanaged<AdminServer>.fromOpaque(context).takeUnretainedValue().receive(request)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    // MARK: Requests

    private func receive(_ request: OpaquePointer) {
        lastID &+= 1
        let method = evhttp_request_get_command(request)
        let isHead = method == EVHTTP_REQ_HEAD
        pending[lastID] = Pending(request: request, isHead: isHead, deadline: loop.now + limits.answer)
        let reply = AdminReply(lastID, of: self)
        guard hasOwnHost(request) else { return reply.send("ask by address or as localhost\n", status: 403) }
        guard let uri = evhttp_request_get_evhttp_uri(request), let path = evhttp_uri_get_path(uri) else {
            return reply.send("no path\n", status: 400)
        }
        guard let handler = routes[String(cString: path)] else { return reply.send("no such page\n", status: 404) }
        guard isHead || method == EVHTTP_REQ_GET else {
            evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD")
            return reply.send("pages can only be read\n", status: 405)
        }
        let query = evhttp_uri_get_query(uri).map(Self.parameters) ?? [:]
        handler(AdminRequest(method: isHead ? .head : .get, path: String(cString: path), query: query), reply)
    }

    /// Whether the Host is missing, an address, or this machine's own name for itself.
    private func hasOwnHost(_ request: OpaquePointer) -> Bool {
        guard let value = evhttp_find_header(evhttp_request_get_input_headers(request), "Host") else { return true }
        let host = String(cString: value)
        if SocketAddress(host) != nil || IPAddress(host) != nil { return true }
        return host.split(separator: ":", omittingEmptySubsequences: false).first?.lowercased() == "localhost"
    }

    private static func parameters(_ query: UnsafePointer<CChar>) -> [String: String] {
        var list = evkeyvalq()
        guard evhttp_parse_query_str(query, &list) == 0 else { return [:] }
        defer { evhttp_clear_headers(&list) }
        var parameters: [String: String] = [:]
        var next = list.tqh_first
        while let item = next {
            if let key = item.pointee.key, let value = item.pointee.value {
                parameters[String(cString: key)] = String(cString: value)
            }
            next = item.pointee.next.tqe_next
        }
        return parameters
    }

    // MARK: Answers

    func answer(_ id: UInt64, status: Int, type: ContentType, body: [UInt8]) {
        guard let waiting = pending.removeValue(forKey: id) else { return }
        guard evhttp_request_get_connection(waiting.request) != nil else {
            return evhttp_request_free(waiting.request)
        }
        let headers = evhttp_request_get_output_headers(waiting.request)
        evhttp_add_header(headers, "Content-Type", type.rawValue)
        evhttp_add_header(headers, "Content-Length", "\(body.count)")
        evhttp_add_header(headers, "Cache-Control", "no-store")
        evhttp_add_header(headers, "X-Content-Type-Options", "nosniff")
        evhttp_add_header(headers, "Connection", "close")
        let buffer = evbuffer_new()
        if !waiting.isHead { evbuffer_add(buffer, body, body.count) }
        evhttp_send_reply(waiting.request, Int32(clamping: status), nil, buffer)
        evbuffer_free(buffer)
    }

    private func sweep() {
        let now = loop.now
        for (id, waiting) in pending where waiting.deadline <= now {
            answer(id, status: 503, type: .text, body: Array("no answer in time\n".utf8))
        }
        guardian.sweep()
    }

    private static func port(of descriptor: Int32) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutableBytes(of: &storage) { bytes in
            getsockname(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
        }
        guard result == 0 else { return nil }
        // The port stands at the same place in both families.
        return withUnsafeBytes(of: storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}
